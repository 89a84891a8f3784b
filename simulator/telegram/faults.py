"""Faults of the Bot API and of its deliveries, as a control request states them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.faults import Rule


class TelegramFault(Rule):
    """One way for a method call to fail.

    `kind`:
      error            `{"ok": false}` with status, description, retry_after; nothing was done
      error_after      the same answer although the method was carried out
      no_description   `{"ok": false, "error_code": status}` and no more
      html             an HTML page with this status (502 of a proxy)
      garbage          200 and a body that is no JSON
      drop             connection closed without an answer, nothing done
      drop_after       connection closed without an answer, the method was carried out
      delay            carried out and answered after `delay_seconds`
    """

    kind: Literal[
        "error",
        "error_after",
        "no_description",
        "html",
        "garbage",
        "drop",
        "drop_after",
        "delay",
    ]
    method: str = "*"
    """A method name in any case, or `*`."""
    chat_id: int | None = None
    thread_id: int | None = None
    """Strikes only what is sent into this topic."""
    status: int = Field(default=500, ge=400, le=599)
    description: str = "Internal Server Error"
    retry_after: int | None = Field(default=None, ge=0)
    """Stated as `parameters.retry_after`."""
    delay_seconds: float = Field(default=0.0, ge=0)

    def matches(self, method: str, chat_id: str) -> bool:
        return self.method.lower() in ("*", method.lower()) and (
            self.chat_id is None or str(self.chat_id) == chat_id
        )

    def is_in_topic(self, thread_id: str) -> bool:
        return self.thread_id is None or str(self.thread_id) == thread_id


class DeliveryFaults(BaseModel):
    """What may happen to updates on their way. Chances are per update or per batch."""

    model_config = ConfigDict(extra="forbid")

    repeat: float = Field(default=0.0, ge=0, le=1)
    """Chance that a delivered update comes once more in the next batch."""
    shuffle: float = Field(default=0.0, ge=0, le=1)
    """Chance that a batch comes in another order."""
    malformed: float = Field(default=0.0, ge=0, le=1)
    """Chance that an accepted update is preceded by one that cannot be parsed."""


class FloodLimits(BaseModel):
    """Limits on sending, as Telegram applies them. None: no limit."""

    model_config = ConfigDict(extra="forbid")

    per_chat_per_second: int | None = Field(default=None, ge=1)
    per_group_per_minute: int | None = Field(default=None, ge=1)
    per_second: int | None = Field(default=None, ge=1)


REALISTIC_LIMITS = FloodLimits(per_chat_per_second=1, per_group_per_minute=20, per_second=30)

MALFORMED: tuple[dict[str, Any], ...] = (
    {"message": {"message_id": "not a number", "chat": None}},
    {"message": {"text": "no chat, no date"}},
    {"message": {"message_id": 1, "date": 0, "chat": {"id": 7, "type": "moon"}, "from": []}},
    {"callback_query": "a string"},
    {"message": [[[]]]},
    {"edited_message": {"message_id": -1, "date": "yesterday", "chat": {"id": 7}}},
)
"""Updates that no client library can parse."""
