"""The operators' rules in PostgreSQL. The bot reads them with the function `rules_of`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from common.postgres import Base

Money = Numeric(18, 10)


class AccessRule(Base):
    """One rule about a person, a chat or a role. Null columns change nothing.

    A person and a chat are known by the HMAC of their Telegram id, so that a rule outlives /forget.
    """

    __tablename__ = "access_rules"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    subject: Mapped[str] = mapped_column(Text)
    subject_hmac: Mapped[bytes] = mapped_column(LargeBinary)
    """As `users.telegram_hmac` or `dialogs.chat_hmac`; empty for a role."""
    dialog_id: Mapped[UUID | None]
    """The dialog by which the operator named the chat."""
    kind: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the rule ends; with kind `ban`: a pause."""
    daily_messages: Mapped[int | None] = mapped_column(Integer)
    monthly_messages: Mapped[int | None] = mapped_column(Integer)
    daily_usd: Mapped[Decimal | None] = mapped_column(Money)
    monthly_usd: Mapped[Decimal | None] = mapped_column(Money)
    models: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    reason: Mapped[str] = mapped_column(Text)
    author_id: Mapped[int]
    author: Mapped[str] = mapped_column(Text)
    """The account's name when it set the rule."""
    set_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (
        UniqueConstraint("subject", "subject_hmac", "kind"),
        CheckConstraint("subject IN ('person', 'chat', 'everyone', 'admins')", name="subject"),
        CheckConstraint("kind IN ('ban', 'allow', 'limits', 'models')", name="kind"),
    )
