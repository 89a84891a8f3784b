"""Methods of the Bot API."""
