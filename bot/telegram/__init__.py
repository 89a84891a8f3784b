"""Telegram's Bot API: parses updates, sends within the rate limits."""
