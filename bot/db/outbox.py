"""Messages to operators: written by the pipelines and the bot, sent by the bot."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from common.postgres import Base


class OutboxEntry(Base):
    """One message to an operator. Figures only: no text and no identifier of a user."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    """Deduplication key, such as `digest 2026-03-01`."""
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """`text`, and perhaps `chart`: `title` and `days`, pairs of an ISO date and a number. For a
    `chat` its `chat_id`; for a `webhook` its `url` and the JSON `body`."""
    channel: Mapped[str] = mapped_column(Text, server_default=text("'operator'"))
    """`operator` (the chat OPERATOR_CHAT_ID), `chat` or `webhook`."""
    resends: Mapped[bool] = mapped_column(server_default=text("true"))
    """Whether an attempt that was not confirmed is repeated: it may have arrived. Alerts are not
    repeated, but for attempts that certainly failed."""
    send_after: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """The end of an alert's quiet hours, or the next attempt."""
    problem: Mapped[str | None] = mapped_column(Text)
    """Why the last attempt failed."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    claimed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the last attempt began; recorded before the request to Telegram."""
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),
        CheckConstraint("channel IN ('operator', 'chat', 'webhook')", name="channel"),
    )
