"""Users: profile, preferences, usage, export, erasure, keys."""
