"""The inbox, and chats that get no answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.tables.columns import Moment
from common.postgres import Base

MAX_UPDATE_ID = 2**63 - 1
UNREADABLE = "unreadable"
"""The kind of an update that cannot be parsed."""


class UpdateRow(Base):
    """The inbox: an update is stored here before it is confirmed to Telegram."""

    __tablename__ = "updates"

    bot_id: Mapped[int] = mapped_column(primary_key=True)
    update_id: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    kind: Mapped[str] = mapped_column(Text)
    """`message`, `my_chat_member`, …; `unreadable` when it could not be parsed."""
    lane: Mapped[bytes] = mapped_column(LargeBinary)
    """HMAC of chat and topic: updates with the same lane are processed in order, one at a time."""
    user_key: Mapped[int | None] = mapped_column(Integer)
    payload: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The update as received, sealed; NULL once its outcome is recorded. A parked one keeps it
    for MESSAGE_RETENTION_DAYS, so that it can be tried again."""
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    outcome: Mapped[str | None] = mapped_column(Text)
    turn_id: Mapped[UUID | None]
    error: Mapped[str | None] = mapped_column(Text)
    refused_kind: Mapped[str | None] = mapped_column(Text)
    """Content that the bot does not support (`photo`, `voice`, `unknown_command`, …)."""
    settled_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index(
            "ix_updates_open",
            "bot_id",
            "lane",
            "update_id",
            postgresql_where=text("outcome IS NULL"),
        ),
        # For /forget: the updates of one user.
        Index("ix_updates_user_key", "user_key", postgresql_where=text("user_key IS NOT NULL")),
        # A few rows among millions, also those whose payload was erased: the operator's list.
        Index("ix_updates_parked", "settled_at", postgresql_where=text("outcome = 'parked'")),
        CheckConstraint("outcome IN ('turn', 'command', 'ignored', 'parked')", name="outcome"),
    )


class RefusedChat(Base):
    """A chat that refused the last answers. Deleted when a message is delivered there again."""

    __tablename__ = "refused_chats"

    bot_id: Mapped[int] = mapped_column(primary_key=True)
    chat_hmac: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    refusals: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    """Consecutive refusals, each within an hour of the previous one."""
    refused_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class BanNotice(Base):
    """The last notice about a ban to a person, or to a banned chat: at most one a day."""

    __tablename__ = "ban_notices"

    subject_hmac: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    sent_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
