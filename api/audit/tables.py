"""The audit trail's tables in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Identity, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from common.postgres import Base


class AuditEvent(Base):
    """One event. The database refuses changes, and to delete what is younger than 30 days."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    """Set by the database: the API's role cannot write it."""
    kind: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int | None]
    """The account. No foreign key: events outlive accounts."""
    actor: Mapped[str | None] = mapped_column(Text)
    """Its name then, or the name that a failed login gave."""
    address: Mapped[str | None] = mapped_column(Text)
    """The client's address; of IPv6 its /64."""
    occurrences: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    """Repeated events, such as failed logins, are counted in one row."""
    request_id: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))

    __table_args__ = (
        Index(None, "occurred_at"),
        Index(None, "kind", "id"),
        Index(None, "actor", "id"),
    )
