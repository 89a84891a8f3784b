"""Alerts and the windows in which they fired. The pipelines judge them and add the events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from common.postgres import Base

Moment = DateTime(timezone=True)


class AlertRow(Base):
    """One alert."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    metric: Mapped[str] = mapped_column(Text)
    filters: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    """As in `/query`."""
    width: Mapped[str] = mapped_column(Text)
    """The window: an hour, day or week of the report zone."""
    test: Mapped[str] = mapped_column(Text)
    threshold: Mapped[float | None] = mapped_column(Double)
    no_data: Mapped[str] = mapped_column(Text)
    quiet_from: Mapped[int | None] = mapped_column(SmallInteger)
    """Hour of the report zone in which the quiet hours begin."""
    quiet_until: Mapped[int | None] = mapped_column(SmallInteger)
    to_operator: Mapped[bool] = mapped_column(server_default=text("true"))
    """Whether the chat OPERATOR_CHAT_ID gets the messages."""
    chat_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    """Further chats of Telegram."""
    webhook_url: Mapped[str | None] = mapped_column(Text)
    muted_until: Mapped[datetime | None] = mapped_column(Moment)
    judged_through: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    """The end of the last window that was judged; at first when the alert was made."""
    author_id: Mapped[int]
    author: Mapped[str] = mapped_column(Text)
    """The account's name when it made the alert."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())

    __table_args__ = (
        CheckConstraint("width IN ('hour', 'day', 'week')", name="width"),
        CheckConstraint("test IN ('above', 'below', 'times_usual', 'unusual')", name="test"),
        CheckConstraint("no_data IN ('ignore', 'zero', 'fire')", name="no_data"),
    )


class AlertEventRow(Base):
    """A window in which an alert fired: at most one row each, and with it at most one message."""

    __tablename__ = "alert_events"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey(AlertRow.id, ondelete="CASCADE"))
    window_start: Mapped[datetime] = mapped_column(Moment)
    window_end: Mapped[datetime] = mapped_column(Moment)
    value: Mapped[float | None] = mapped_column(Double)
    """NULL: no data."""
    low: Mapped[float | None] = mapped_column(Double)
    high: Mapped[float | None] = mapped_column(Double)
    """The lowest and the highest value that would not have fired, as far as there is one."""
    silence: Mapped[str | None] = mapped_column(Text)
    """Why no message was written: `muted`, `acknowledged` (the window before was), `late` (a later
    window fired at the same time); NULL: there is one for each destination."""
    fired_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    acknowledged_at: Mapped[datetime | None] = mapped_column(Moment)
    acknowledged_by: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("alert_id", "window_start"),
        CheckConstraint("silence IN ('muted', 'acknowledged', 'late')", name="silence"),
    )
