"""Logs each database query, slow ones as warnings."""

from __future__ import annotations

from contextvars import ContextVar

from structlog.stdlib import BoundLogger

SLOW_PART_SECONDS = 0.5

current_period: ContextVar[str | None] = ContextVar("asked_period", default=None)
"""Period of the answer that is being prepared, for the log."""


def log_query(logger: BoundLogger, name: str, *, seconds: float, rows: int | None = None) -> None:
    """Log one query."""
    is_slow = seconds > SLOW_PART_SECONDS
    (logger.warning if is_slow else logger.debug)(
        "slow_query" if is_slow else "query",
        query_name=name,
        seconds=round(seconds, 4),
        rows=rows,
        period=current_period.get(),
    )
