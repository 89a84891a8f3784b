"""What it cost, per bucket and per person."""

from __future__ import annotations

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.answers import NO_FILTERS, Filters
from warehouse.reports.asking import money_ratio
from warehouse.reports.models import models
from warehouse.reports.people_answers import CostPoint, Costs, UnpricedModel
from warehouse.reports.traffic import overview
from warehouse.snapshot import Snapshot


async def costs(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Costs:
    """Known cost of the period, per bucket, per served user and per answer."""
    summary, series = await overview(reader, snapshot=snapshot, period=period, filters=filters)
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
