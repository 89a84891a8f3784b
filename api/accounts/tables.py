"""The tables of accounts in PostgreSQL."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    Boolean,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
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


class ApiKey(Base):
    """An API key of an account. A trigger announces its changes, but not its uses."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(ApiUser.id), index=True)
    label: Mapped[str] = mapped_column(Text)
    beginning: Mapped[str] = mapped_column(Text)
    """Its first characters, by which its owner recognises it."""
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the key, which is stored nowhere."""
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rate_limit: Mapped[str | None] = mapped_column(Text)
    """A window of its own. None: it counts in its account's."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(Moment)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


class ApiSession(Base):
    """A session of the dashboard. A trigger announces its end."""

    __tablename__ = "api_sessions"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(ApiUser.id), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the cookie."""
    credentials_version: Mapped[int] = mapped_column(Integer)
    """The account's at the login: a changed password ends the session."""
    address: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment, index=True)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)


class PasswordReset(Base):
    """The newest token that resets the password of an account."""

    __tablename__ = "password_resets"

    account_id: Mapped[int] = mapped_column(ForeignKey(ApiUser.id), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the token."""
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class SavedView(Base):
    """A view of the dashboard under a name. Shared ones are seen by all accounts."""

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(ApiUser.id))
    name: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    """Path and query of a page: period, filters, comparison, chart, order."""
    is_shared: Mapped[bool] = mapped_column(Boolean)
    updated_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())

    __table_args__ = (UniqueConstraint("account_id", "name"),)
