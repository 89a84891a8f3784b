"""Routes of registration, tokens and admins."""
