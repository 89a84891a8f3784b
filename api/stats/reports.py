"""Runs the warehouse's reports and turns their results into JSON fields and table rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from api.answers.arrow_schema import (
    COUNT,
    DAY,
    joined,
    schema_of,
    texts,
)
from api.answers.formats import Row, flat
from api.answers.report_query import Report
from api.errors import NotFoundError
from api.stats.arguments import (
    CompareQuery,
    DialogsQuery,
    RetentionQuery,
    StatsQuery,
    TopUsersQuery,
    TurnsQuery,
)
from warehouse import reports as warehouse
from warehouse.catalogue import Metric
from warehouse.catalogue import catalogue as metric_catalogue
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.snapshot import Snapshot

QueryT_contra = TypeVar("QueryT_contra", bound=StatsQuery, contravariant=True)


class ReportFunction(Protocol[QueryT_contra]):
    """A report about a period."""

    async def __call__(
        self, reader: Reader, snapshot: Snapshot, period: Period, query: QueryT_contra, /
    ) -> Report:
        """Run the report."""


DIALOG_SCHEMA = schema_of(warehouse.RecentDialog)
SPAN = texts("span")
RECENT_DIALOGS = 10
TOP_USERS = 10
OTHER_SOURCES = "(other)"
"""Not the name of a source: Telegram allows no brackets in them."""


def _table(rows: Sequence[Any], shape: type, **fields_: Any) -> Report:
    return Report(fields=fields_, rows=[flat(row) for row in rows], schema=schema_of(shape))


def _simple(
    name: str,
    fetch: Callable[..., Awaitable[Any]],
    row_shape: type,
    rows: Callable[[Any], Sequence[Any]],
) -> ReportFunction[StatsQuery]:
    """A report whose JSON is the warehouse's result and whose rows are a part of it."""

    async def report(
        reader: Reader, snapshot: Snapshot, period: Period, query: StatsQuery
    ) -> Report:
        found = await fetch(reader, snapshot=snapshot, period=period, filters=query.filters)
        return _table(rows(found), row_shape, **{name: found})

    return report


models = _simple("models", warehouse.models, warehouse.ModelRow, attrgetter("models"))
stickiness = _simple(
    "stickiness", warehouse.stickiness, warehouse.StickinessPoint, attrgetter("points")
)
lifecycle = _simple(
    "lifecycle", warehouse.lifecycle, warehouse.LifecyclePoint, attrgetter("points")
)
heatmap = _simple("heatmap", warehouse.heatmap, warehouse.HeatmapCell, attrgetter("cells"))
feedback = _simple("feedback", warehouse.feedback, warehouse.RatedGroup, attrgetter("groups"))
commands = _simple("commands", warehouse.commands, warehouse.CommandPoint, attrgetter("points"))
blocks = _simple("blocks", warehouse.blocks, warehouse.BlockPoint, attrgetter("points"))
sessions = _simple("sessions", warehouse.sessions, warehouse.SessionPoint, attrgetter("points"))
costs = _simple("costs", warehouse.costs, warehouse.CostPoint, attrgetter("points"))


def dialog_rows(found: Sequence[warehouse.RecentDialog]) -> list[Row]:
    """Dialogs as in tables and JSON."""
    return [{name: getattr(dialog, name) for name in DIALOG_SCHEMA.names} for dialog in found]


async def dashboard(
    reader: Reader, snapshot: Snapshot, period: Period, query: CompareQuery
) -> Report:
    about: dict[str, Any] = {"snapshot": snapshot, "period": period, "filters": query.filters}
    (summary, activity), page, top = await asyncio.gather(
        warehouse.summary_and_activity(reader, compared_with=query.compared_with, **about),
        warehouse.recent_dialogs(reader, limit=RECENT_DIALOGS, **about),
        warehouse.top_users(reader, limit=TOP_USERS, **about),
    )
    return Report(
        fields={
            "summary": summary,
            "activity": activity,
            "recent_dialogs": dialog_rows(page.dialogs),
            "top_users": top,
        },
        rows=[flat(point) for point in activity.points],
        schema=schema_of(warehouse.ActivityPoint),
        user_keys=tuple({*(d.user_key for d in page.dialogs), *(u.user_key for u in top)}),
    )


def _compared(
    name: str, found: Any, current: Sequence[Any], previous: Sequence[Any], row_shape: type
) -> Report:
    """A report with rows of the period and of the one before it."""
    rows: list[Row] = [{"span": "current", **flat(row)} for row in current]
    rows += [{"span": "previous", **flat(row)} for row in previous]
    return Report(fields={name: found}, rows=rows, schema=joined(SPAN, schema_of(row_shape)))


async def summary(
    reader: Reader, snapshot: Snapshot, period: Period, query: CompareQuery
) -> Report:
    found = await warehouse.summary(
        reader,
        snapshot=snapshot,
        period=period,
        filters=query.filters,
        compared_with=query.compared_with,
    )
    previous = [] if found.previous is None else [found.previous]
    return _compared("summary", found, [found.current], previous, warehouse.Totals)


async def activity(
    reader: Reader, snapshot: Snapshot, period: Period, query: CompareQuery
) -> Report:
    found = await warehouse.activity(
        reader,
        snapshot=snapshot,
        period=period,
        filters=query.filters,
        compared_with=query.compared_with,
    )
    return _compared("activity", found, found.points, found.previous, warehouse.ActivityPoint)


async def dialogs(
    reader: Reader, snapshot: Snapshot, period: Period, query: DialogsQuery
) -> Report:
    page = await warehouse.ordered_dialogs(
        reader,
        snapshot=snapshot,
        period=period,
        order=warehouse.DialogOrder.parse(query.order),
        filters=query.filters,
        cursor=query.cursor,
        limit=query.limit,
    )
    rows = dialog_rows(page.dialogs)
    return Report(
        fields={"dialogs": rows, "next_cursor": page.next_cursor},
        rows=rows,
        schema=DIALOG_SCHEMA,
        user_keys=tuple({dialog.user_key for dialog in page.dialogs}),
    )


async def turns(reader: Reader, snapshot: Snapshot, period: Period, query: TurnsQuery) -> Report:
    page = await warehouse.listed_turns(
        reader,
        snapshot=snapshot,
        period=period,
        filters=query.filters,
        cursor=query.cursor,
        limit=query.limit,
    )
    return Report(
        fields={"turns": page.turns, "next_cursor": page.next_cursor},
        rows=[flat(turn) for turn in page.turns],
        schema=schema_of(warehouse.ListedTurn),
        user_keys=tuple({turn.user_key for turn in page.turns}),
    )


async def person(reader: Reader, snapshot: Snapshot, *, user_key: int) -> Report:
    found = await warehouse.person(reader, snapshot=snapshot, user_key=user_key)
    if found is None:
        raise NotFoundError("User not found. They may have been erased.")
    return replace(
        _table([found], warehouse.PersonTotals, person=found), user_keys=(found.user_key,)
    )


async def top_users(
    reader: Reader, snapshot: Snapshot, period: Period, query: TopUsersQuery
) -> Report:
    found = await warehouse.top_users(
        reader,
        snapshot=snapshot,
        period=period,
        by=query.by,
        filters=query.filters,
        limit=query.limit,
    )
    return Report(
        fields={"by": query.by, "top_users": found},
        rows=[flat(user) for user in found],
        schema=schema_of(warehouse.TopUser),
        user_keys=tuple(user.user_key for user in found),
    )


async def retention(
    reader: Reader, snapshot: Snapshot, period: Period, query: RetentionQuery
) -> Report:
    found = await warehouse.retention(
        reader,
        snapshot=snapshot,
        period=period,
        width=query.width,
        steps=query.steps,
        filters=query.filters,
    )
    step_name = query.width.value
    rows = [
        {"cohort": cohort.start, "users": cohort.users, step_name: step, "active": active}
        for cohort in found.cohorts
        for step, active in enumerate(cohort.active)
    ]
    columns = [("cohort", DAY), ("users", COUNT), (step_name, COUNT), ("active", COUNT)]
    return Report(
        fields={"width": query.width, "retention": found}, rows=rows, schema=pa.schema(columns)
    )


async def funnel(reader: Reader, snapshot: Snapshot, period: Period, query: StatsQuery) -> Report:
    found = await warehouse.funnel(reader, snapshot=snapshot, period=period, filters=query.filters)
    rows = [flat(row) for row in found.sources]
    # The sources beyond the listed ones are a row, so that the columns sum up to the total.
    if found.others is not None:
        rows.append(flat(found.others) | {"source": OTHER_SOURCES})
    return Report(fields={"funnel": found}, rows=rows, schema=schema_of(warehouse.FunnelRow))


async def dimensions(
    reader: Reader, snapshot: Snapshot, period: Period, _query: StatsQuery
) -> Report:
    found = await warehouse.dimension_values(reader, snapshot=snapshot, period=period)
    rows = [
        {"dimension": field.name.removesuffix("s"), "value": str(value)}
        for field in fields(found)
        for value in getattr(found, field.name)
    ]
    return Report(fields={"dimensions": found}, rows=rows, schema=texts("dimension", "value"))


async def quality(reader: Reader, snapshot: Snapshot, *, days: int) -> Report:
    found = await warehouse.quality(reader, snapshot=snapshot, days=days)
    return _table(found.days, warehouse.ReconciledDay, quality=found)


async def freshness(reader: Reader, snapshot: Snapshot) -> Report:
    found = await warehouse.freshness(reader, snapshot=snapshot)
    return _table([found], warehouse.Freshness, freshness=found)


async def forecast(reader: Reader, snapshot: Snapshot) -> Report:
    found = await warehouse.forecast(reader, snapshot=snapshot)
    return _table([found], warehouse.Forecast, forecast=found)


async def last_minutes(reader: Reader, snapshot: Snapshot, *, until: datetime) -> Report:
    found = await warehouse.last_minutes(reader, snapshot=snapshot, until=until)
    return _table(found.points, warehouse.Minute, now=found)


async def catalogue(_reader: Reader, _snapshot: Snapshot) -> Report:
    metrics = metric_catalogue()
    rows = [flat(metric) | {"additive_over": ", ".join(metric.additive_over)} for metric in metrics]
    return Report(fields={"metrics": metrics}, rows=rows, schema=schema_of(Metric))
