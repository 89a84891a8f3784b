"""Saved views of the dashboard."""
