"""Types of columns."""

from __future__ import annotations

from sqlalchemy import DateTime, Numeric

Money = Numeric(18, 10)
Moment = DateTime(timezone=True)
