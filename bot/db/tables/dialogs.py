"""Dialogs and their content, which is erasable and never replicated."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
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
from bot.db.tables.people import UserRow
from common.postgres import Base


class Dialog(Base):
    """A conversation: one chat (and topic) until /new. A group's dialog has no `user_key`."""

    __tablename__ = "dialogs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    bot_id: Mapped[int]
    chat_hmac: Mapped[bytes] = mapped_column(LargeBinary)
    thread_id: Mapped[int] = mapped_column(server_default=text("0"))
    """Topic of a forum group; 0 elsewhere."""
    chat_type: Mapped[str] = mapped_column(Text)
    user_key: Mapped[int | None] = mapped_column(
        Integer, ForeignKey(UserRow.key, ondelete="CASCADE"), index=True
    )
    started_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    closed_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index(
            "uq_dialogs_open",
            "bot_id",
            "chat_hmac",
            "thread_id",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
    )


class MessageRow(Base):
    """One text of a dialog. Erasable, never replicated."""

    __tablename__ = "messages"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_key: Mapped[int] = mapped_column(
        Integer, ForeignKey(UserRow.key, ondelete="CASCADE"), index=True
    )
    """The author, or the user being answered; `content` is sealed with this user's key."""
    dialog_id: Mapped[UUID] = mapped_column(ForeignKey(Dialog.id, ondelete="CASCADE"))
    turn_id: Mapped[UUID] = mapped_column(index=True)
    role: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """The user's own text, or the answer."""
    sealed_parts: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed JSON: the messages that the text came in, and the texts they quote."""
    content_length: Mapped[int] = mapped_column(Integer)
    """Characters of the text before sealing."""
    pictures: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """How many pictures came with it; they are kept for MEDIA_RETENTION_HOURS only."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    deleted_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index(None, "dialog_id", "created_at"),
        CheckConstraint("role IN ('user', 'assistant')", name="role"),
    )


class PictureRow(Base):
    """A picture of a question, downscaled. Kept for MEDIA_RETENTION_HOURS, never replicated."""

    __tablename__ = "pictures"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(
        ForeignKey(MessageRow.id, ondelete="CASCADE"), index=True
    )
    user_key: Mapped[int] = mapped_column(Integer)
    """The author; `content` is sealed with this user's key."""
    number: Mapped[int] = mapped_column(SmallInteger)
    """Its place among the pictures of the message, from 1."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """A JPEG."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now(), index=True)


class SummaryRow(Base):
    """The summary of a private dialog's earliest messages. Erasable, never replicated."""

    __tablename__ = "summaries"

    dialog_id: Mapped[UUID] = mapped_column(
        ForeignKey(Dialog.id, ondelete="CASCADE"), primary_key=True
    )
    user_key: Mapped[int] = mapped_column(
        Integer, ForeignKey(UserRow.key, ondelete="CASCADE"), index=True
    )
    """The dialog's user; `content` is sealed with this user's key."""
    first_message_id: Mapped[UUID] = mapped_column(
        ForeignKey(MessageRow.id, ondelete="CASCADE"), index=True
    )
    """The oldest message that it covers: the summary is deleted with it."""
    covers_until: Mapped[datetime] = mapped_column(Moment)
    """When the newest message that it covers was stored."""
    messages: Mapped[int] = mapped_column(Integer)
    """How many messages it covers."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    written_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class SentAnswer(Base):
    """A message in which an answer was sent: a reaction to it rates the answer."""

    __tablename__ = "sent_answers"

    message_hmac: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """HMAC of the chat's and the message's id under DATA_KEY (32 bytes)."""
    answer_id: Mapped[UUID] = mapped_column(
        ForeignKey(MessageRow.id, ondelete="CASCADE"), index=True
    )
