"""Constants shared by these tests."""

from __future__ import annotations

STRANGERS_TOKEN = "999:another-token-of-nobody-0000"
"""A well-formed token of an unknown bot."""

BAD_REQUEST = "Bad Request: "
CHAT_NOT_FOUND = "chat not found"
NOT_MODIFIED = "message is not modified"
"""Telegram's words."""
