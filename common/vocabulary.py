"""Enumerations of the domain, shared by packages."""

from __future__ import annotations

from enum import StrEnum


class TurnStatus(StrEnum):
    PENDING = "pending"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class ChatType(StrEnum):
    PRIVATE = "private"
    GROUP = "group"
    SUPERGROUP = "supergroup"
    CHANNEL = "channel"


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


class UpdateOutcome(StrEnum):
    """How an update ended; every update has exactly one outcome."""

    TURN = "turn"
    COMMAND = "command"
    IGNORED = "ignored"
    PARKED = "parked"
