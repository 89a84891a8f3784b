"""Routes for registration, tokens and admins."""
