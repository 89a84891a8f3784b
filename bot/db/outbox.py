"""Messages to the operator: written by the pipelines and the bot, sent by the bot."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Identity, Index, SmallInteger, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from common.postgres import Base


class OutboxEntry(Base):
    """One message to the operator's chat. Figures only: no user text, no identifier."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    """Deduplication key, such as `digest 2026-03-01`."""
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """`text`, and perhaps `chart`: `title` and `days`, pairs of an ISO date and a number."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    claimed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the last attempt began; recorded before the request to Telegram."""
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),)
