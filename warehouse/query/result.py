"""The answer to a query: rows in the order of the request, and what it was understood as."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from warehouse.periods import Period
from warehouse.reports.metric_values import MetricValue

DimensionValue = str | int | datetime | date | None


@dataclass(frozen=True, slots=True)
class QueryRow:
    metrics: tuple[MetricValue, ...]
    """In the order of the request's metrics. None: cannot be computed (see warnings)."""
    dimensions: tuple[DimensionValue, ...]
    """In the order of the request's dimensions; time dimensions are the bucket's start."""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    results: tuple[QueryRow, ...]
    period: Period
    query: dict[str, Any]
    """The normalised query, every default filled in; parsing it again gives the same."""
    warnings: tuple[str, ...]
    total_rows: int | None
    """Rows before pagination, when the request includes `total_rows`."""
    has_more: bool
    time_labels: tuple[DimensionValue, ...] | None = None
    """Every bucket of the time dimension, empty ones too, when the request includes them."""
