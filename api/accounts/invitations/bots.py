"""The bots that have started, and whether they take invitations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

INVITING = "invite"
"""The ACCESS_MODE in which a bot takes invitations."""


@dataclass(frozen=True, slots=True)
class BotAccess:
    """A bot that has started.

    Attributes:
        username: without @.
        access_mode: its ACCESS_MODE at its last start; None: not known.
    """

    username: str
    access_mode: str | None

    @property
    def takes_no_invitations(self) -> bool:
        """An invitation has no effect: everybody has access, or only those of a list."""
        return self.access_mode not in (None, INVITING)


BotLister = Callable[[], Awaitable[Sequence[BotAccess]]]
"""Reads the bots that have started, the newest start first."""
