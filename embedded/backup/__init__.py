"""Copies of both stores of the one-machine stack, and the way back. Knows no service."""
