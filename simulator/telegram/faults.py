"""Configuration of faults of the Bot API and of update delivery, as in control requests."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.faults import FaultRule


class TelegramFault(FaultRule):
    """A fault of a method call.

    `kind`:
      error            `{"ok": false}` with status, description, retry_after; not executed
      error_after      the same response, but the method was executed
      no_description   `{"ok": false, "error_code": status}` only
      html             an HTML page with this status (a proxy's 502)
      garbage          200 and a body that is not JSON
      drop             connection closed without a response, not executed
      drop_after       connection closed without a response, but executed
      delay            executed after `delay_seconds`
      truncate         of a download: half of the file, then the connection is closed
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
        "truncate",
    ]
    method: str = "*"
    """A method name (case-insensitive), `file` for downloads, or `*`."""
    chat_id: int | None = None
    thread_id: int | None = None
    """Only for messages to this topic."""
    is_rich: bool | None = None
    """Only for calls with, or without, a rich message."""
    status: int = Field(default=500, ge=400, le=599)
    description: str = "Internal Server Error"
    retry_after: int | None = Field(default=None, ge=0)
    """Sent as `parameters.retry_after`."""
    delay_seconds: float = Field(default=0.0, ge=0)

    def matches(self, method: str, chat_id: str) -> bool:
        return self.method.lower() in ("*", method.lower()) and (
            self.chat_id is None or str(self.chat_id) == chat_id
        )

    def is_in_topic(self, thread_id: str) -> bool:
        return self.thread_id is None or str(self.thread_id) == thread_id


class DeliveryFaults(BaseModel):
    """Faults of update delivery, as probabilities per update or batch."""

    model_config = ConfigDict(extra="forbid")

    repeat: float = Field(default=0.0, ge=0, le=1)
    """A delivered update is repeated in the next batch."""
    shuffle: float = Field(default=0.0, ge=0, le=1)
    """A batch is shuffled."""
    malformed: float = Field(default=0.0, ge=0, le=1)
    """An update is preceded by one that cannot be parsed."""


class FloodLimits(BaseModel):
    """Telegram's limits on sending. None: no limit."""

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
    {"message_reaction": {"chat": {"id": 7, "type": "private"}, "new_reaction": 1}},
    {"stopped_message_generation": {"draft_id": "none"}},
    {"message": [[[]]]},
    {"edited_message": {"message_id": -1, "date": "yesterday", "chat": {"id": 7}}},
)
"""Updates that no client library can parse."""
