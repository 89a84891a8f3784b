"""Encryption of what people write, and what each sealed value is bound to."""
