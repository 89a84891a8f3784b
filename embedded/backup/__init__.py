"""Backs up and restores both stores of the one-machine stack. Independent of the services."""
