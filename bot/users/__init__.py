"""Accounts of people: profile, preferences, usage, export, erasure, keys."""
