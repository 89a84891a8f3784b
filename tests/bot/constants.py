"""Ids and texts of the bot's tests."""

from __future__ import annotations

GROUP_ID = 100_500
"""Of a chat; Telegram writes it with a minus."""
SENT_AT = 1_700_000_000
SECRET_TEXT = "my secret garden"
BROKE_OFF = "broke off"
INVITATION = "open-sesame-5b1f9c"
START_INVITED = f"/start {INVITATION}"
