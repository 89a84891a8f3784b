"""Buttons under messages, and reactions."""
