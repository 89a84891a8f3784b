"""The tables of accounts in PostgreSQL."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, Identity, Integer, Text, func, text
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
