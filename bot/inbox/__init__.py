"""Stores updates, and works through them in order: one queue for each chat."""
