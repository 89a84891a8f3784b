"""Texts in a person's language."""
