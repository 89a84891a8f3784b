"""The pipelines' own state in PostgreSQL, beside what they replicate."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from common.postgres import Base


class ReplicationEcho(Base):
    """The batch whose data the warehouse holds, echoed back before its watermark (one row).

    A crash in between leaves the warehouse at `previous_batch_id`. Anything else means that one
    of the two databases was restored from a copy, and replication starts a new epoch.
    """

    __tablename__ = "replication_echo"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    batch_id: Mapped[UUID]
    previous_batch_id: Mapped[UUID | None]
    epoch: Mapped[int]
    echoed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
