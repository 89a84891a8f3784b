"""The engine, and the statements that it may run."""
