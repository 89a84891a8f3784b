"""The table of events: commands that people use, and that they block the bot and come back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from common.postgres import Base, Versioned


class UserEvent(Versioned, Base):
    """Something that a person did, at most one of a kind for each update. Part of the ledger.

    A command is written by the statement that settles its update, or opens its turn.
    """

    __tablename__ = "user_events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Derived from the bot, the update and the kind."""
    bot_id: Mapped[int]
    user_key: Mapped[int] = mapped_column(Integer, index=True)
    """The person's, without a foreign key: the ledger outlives the user's row."""
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """When the inbox stored the update, or when Telegram refused a message."""
    chat_type: Mapped[str] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    """The person's."""
    kind: Mapped[str] = mapped_column(Text)
    """`command`, `blocked` or `unblocked`."""
    name: Mapped[str | None] = mapped_column(Text)
    """The command's registered name, `unknown` for others. Never an argument."""
    is_counted: Mapped[bool]
    """As chosen at the time; false for the pseudonym of a group's admins or of a channel. Others
    are replicated without their user."""

    __table_args__ = (
        Index(None, "version", "id"),
        CheckConstraint("kind IN ('command', 'blocked', 'unblocked')", name="kind"),
        CheckConstraint("(kind = 'command') = (name IS NOT NULL)", name="name"),
    )
