"""What several of these tests pretend with."""

from __future__ import annotations

STRANGERS_TOKEN = "999:another-token-of-nobody-0000"
"""Of the right form, and of no bot that the simulator has."""

BAD_REQUEST = "Bad Request: "
CHAT_NOT_FOUND = "chat not found"
NOT_MODIFIED = "message is not modified"
"""Telegram's words."""
