"""Proof that nothing piles up: traffic for half an hour, and what every process holds meanwhile."""
