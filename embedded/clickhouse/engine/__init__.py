"""The engine, and what it may run."""
