"""Users: profiles and settings."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    case,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.tables.columns import Moment
from common.postgres import Base, Versioned
from common.settings import ConsentSettings


class UserRow(Versioned, Base):
    """A user. `key` is dense and 32-bit, so that bitmaps downstream stay small and exact."""

    __tablename__ = "users"

    key: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    telegram_hmac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """HMAC of the Telegram id under DATA_KEY (32 bytes)."""
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    """The user's own key, wrapped by DATA_KEY."""
    sealed_profile: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON `{"telegram_id", "username", "first_name", "last_name"}`, sealed."""
    language: Mapped[str | None] = mapped_column(Text)
    """IETF tag as Telegram states it."""
    source: Mapped[str | None] = mapped_column(Text)
    """Payload of the first /start deep link."""
    blocked_at: Mapped[datetime | None] = mapped_column(Moment)
    is_person: Mapped[bool] = mapped_column(server_default=text("true"))
    """False for the pseudonym of a group's anonymous admins or of a channel."""
    predates_choice: Mapped[bool] = mapped_column(server_default=text("false"))
    """First written when /privacy offered no choice of readers yet."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        Moment, server_default=func.now(), onupdate=func.now()
    )

    __table_args__ = (Index(None, "version", "key"),)


class UserSettings(Base):
    """A user's settings. Absent row or NULL: the installation's default."""

    __tablename__ = "user_settings"

    user_key: Mapped[int] = mapped_column(
        Integer, ForeignKey(UserRow.key, ondelete="CASCADE"), primary_key=True
    )
    max_history_messages: Mapped[int | None] = mapped_column(SmallInteger)
    sealed_system_prompt: Mapped[bytes | None] = mapped_column(LargeBinary)
    model: Mapped[str | None] = mapped_column(Text)
    is_text_only: Mapped[bool] = mapped_column(server_default=text("false"))
    """No rich messages: the user's client does not show them."""
    are_texts_readable: Mapped[bool | None]
    """Whether analysts may read the texts; NULL: not chosen."""
    is_counted: Mapped[bool | None]
    """Whether the user is counted as a person; NULL: not chosen."""
    admitted_at: Mapped[datetime | None] = mapped_column(Moment)
    """When an invite code was accepted."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        Moment, server_default=func.now(), onupdate=func.now()
    )


def may_be_read(consent: ConsentSettings) -> ColumnElement[bool]:
    """Whether analysts may read a user's texts, where `users` LEFT JOIN `user_settings` is read."""
    default = case(
        (UserRow.predates_choice, consent.texts_readable_of_earlier_people),
        else_=consent.texts_readable,
    )
    return func.coalesce(UserSettings.are_texts_readable, default)
