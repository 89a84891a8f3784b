"""The associated data of sealed values: each is bound to its column and row.

A value moved to another row or column cannot be opened there.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

VERSION = b"\x02"
"""The first byte of every bound value; older values have no binding."""

COLUMNS = (
    "users.wrapped_key",
    "users.sealed_profile",
    "user_settings.sealed_system_prompt",
    "messages.content",
    "messages.sealed_parts",
    "pictures.content",
    "summaries.content",
    "llm_calls.provider_message",
    "updates.payload",
)
"""Every sealed column."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One column of one row."""

    column: str
    """`table.column`"""
    row: tuple[bytes, ...]

    @property
    def associated_data(self) -> bytes:
        """Unique per binding: every part is preceded by its length."""
        parts = (self.column.encode(), *self.row)
        return VERSION + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def wrapped_key(telegram_hmac: bytes) -> Binding:
    return Binding("users.wrapped_key", (telegram_hmac,))


def profile(telegram_hmac: bytes) -> Binding:
    return Binding("users.sealed_profile", (telegram_hmac,))


def system_prompt(user_key: int) -> Binding:
    return Binding("user_settings.sealed_system_prompt", (_number(user_key),))


def text(message_id: UUID, dialog_id: UUID) -> Binding:
    return Binding("messages.content", (message_id.bytes, dialog_id.bytes))


def parts(message_id: UUID, dialog_id: UUID) -> Binding:
    return Binding("messages.sealed_parts", (message_id.bytes, dialog_id.bytes))


def picture(picture_id: UUID) -> Binding:
    return Binding("pictures.content", (picture_id.bytes,))


def summary(dialog_id: UUID) -> Binding:
    return Binding("summaries.content", (dialog_id.bytes,))


def provider_message(call_id: UUID, turn_id: UUID) -> Binding:
    return Binding("llm_calls.provider_message", (call_id.bytes, turn_id.bytes))


def payload(bot_id: int, update_id: int) -> Binding:
    return Binding("updates.payload", (_number(bot_id), _number(update_id)))


def _number(value: int) -> bytes:
    return str(value).encode()
