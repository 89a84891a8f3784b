"""The API's tables in PostgreSQL: accounts, and the texts that they read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Identity, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from common.postgres import Base

Moment = DateTime(timezone=True)


class ApiUser(Base):
    """An account of the stats API. A trigger announces every change on channel `api_users`."""

    __tablename__ = "api_users"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    username: Mapped[str] = mapped_column(Text, unique=True)
    """Normalised (NFKC, casefolded): different spellings of a name are one account."""
    password_hash: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{stats:read}'::text[]")
    )
    credentials_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    """Grows with each change of the password; tokens of an older version are refused."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    disabled_at: Mapped[datetime | None] = mapped_column(Moment)


class TextReading(Base):
    """One reading of a dialog's text by an account. Written before the text is shown."""

    __tablename__ = "text_readings"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(ApiUser.id))
    dialog_id: Mapped[UUID]
    user_keys: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    """Pseudonyms of the users whose texts were shown."""
    messages: Mapped[int] = mapped_column(Integer)
    request_id: Mapped[str] = mapped_column(Text)
    read_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())

    __table_args__ = (Index(None, "account_id", "id"),)
