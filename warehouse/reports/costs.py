"""Costs, per bucket and per person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.activity import summary_and_activity
from warehouse.reports.models import models
from warehouse.reports.parameters import money_ratio
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class CostPoint:
    start: datetime
    cost_usd: Decimal | None
    unpriced_turns: int
    tokens: int
    active_users: int
    served_users: int
    cost_per_served_user_usd: Decimal | None
    """Known cost by served users."""


@dataclass(frozen=True, slots=True)
class UnpricedModel:
    model: str
    turns: int


@dataclass(frozen=True, slots=True)
class Costs:
    cost_usd: Decimal | None
    unpriced_turns: int
    unpriced_models: tuple[UnpricedModel, ...]
    active_users: int
    served_users: int
    answers: int
    cost_per_served_user_usd: Decimal | None
    """Known cost by served users."""
    cost_per_answer_usd: Decimal | None
    points: tuple[CostPoint, ...]


async def costs(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Costs:
    """Known cost of the period, per bucket, per served user and per answer."""
    summary, series = await summary_and_activity(
        reader, snapshot=snapshot, period=period, filters=filters
    )
    total = summary.current
    unpriced: tuple[UnpricedModel, ...] = ()
    if total.unpriced_turns:
        by_model = await models(reader, snapshot=snapshot, period=period, filters=filters)
        unpriced = tuple(
            UnpricedModel(row.model, row.unpriced_turns)
            for row in by_model.models
            if row.unpriced_turns
        )
    return Costs(
        cost_usd=total.cost_usd,
        unpriced_turns=total.unpriced_turns,
        unpriced_models=unpriced,
        active_users=total.active_users,
        served_users=total.served_users,
        answers=total.answers,
        cost_per_served_user_usd=money_ratio(total.cost_usd, total.served_users),
        cost_per_answer_usd=money_ratio(total.cost_usd, total.answers),
        points=tuple(
            CostPoint(
                start=point.start,
                cost_usd=point.cost_usd,
                unpriced_turns=point.unpriced_turns,
                tokens=point.tokens,
                active_users=point.active_users,
                served_users=point.served_users,
                cost_per_served_user_usd=money_ratio(point.cost_usd, point.served_users),
            )
            for point in series.points
        ),
    )
