"""Recounts every figure that the API states from PostgreSQL, with code of its own."""
