"""Summaries of long private dialogs: what to summarise, and the attempt that does it."""
