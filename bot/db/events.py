"""Commands that people use, as parameters of the statement that records them in `user_events`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.vocabulary import ChatType

UNKNOWN_COMMAND = "unknown"


@dataclass(frozen=True)
class UsedCommand:
    """A command in a chat: its registered name, or `unknown`."""

    name: str
    chat_type: ChatType


NO_CHOICES: Mapping[str, bool | None] = {"counts_people": None, "counts_earlier_people": None}


def command_parameters(
    command: UsedCommand | None = None, counting: Mapping[str, bool | None] = NO_CHOICES
) -> dict[str, Any]:
    """Parameters of `settle_updates`; None records no command.

    Args:
        command: of the update that is settled.
        counting: the fields of CountingSettings; only needed with a command.
    """
    return {
        "command": command.name if command else None,
        "chat_type": command.chat_type.value if command else None,
        **counting,
    }
