"""Stores updates and processes them in order, with one queue per chat."""
