"""From the warehouse's typed reports to the fields and rows of an answer. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import fields
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
from api.answers.questions import Ask, Report
from api.stats.arguments import (
    CompareQuery,
    DialogsQuery,
    RetentionQuery,
    StatsQuery,
    TopUsersQuery,
)
from warehouse import reports as warehouse
from warehouse.catalogue import Metric
from warehouse.catalogue import catalogue as metric_catalogue
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.snapshot import Snapshot

QueryT_contra = TypeVar("QueryT_contra", bound=StatsQuery, contravariant=True)


class About(Protocol[QueryT_contra]):
    """Turns a period and its arguments into something to ask the warehouse."""

    def __call__(self, period: Period, query: QueryT_contra, /) -> Ask:
        """The question, not yet asked."""


DIALOG_SCHEMA = schema_of(warehouse.RecentDialog)
SPAN = texts("span")
RECENT_DIALOGS = 10
TOP_USERS = 10
OTHER_SOURCES = "(other)"
"""No name of a source: Telegram allows no brackets in one."""


def _table(rows: Sequence[Any], shape: type, **fields_: Any) -> Report:
    return Report(fields=fields_, rows=[flat(row) for row in rows], schema=schema_of(shape))


def dialog_rows(found: Sequence[warehouse.RecentDialog]) -> list[Row]:
    """Dialogs as tables and JSON show them."""
    return [{name: getattr(dialog, name) for name in DIALOG_SCHEMA.names} for dialog in found]


def dashboard(period: Period, query: CompareQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        (summary, activity), page, top = await asyncio.gather(
            warehouse.overview(
                reader,
                snapshot=snapshot,
                period=period,
                filters=query.filters,
                compare=query.compare,
            ),
            warehouse.recent_dialogs(
                reader,
                snapshot=snapshot,
                period=period,
                filters=query.filters,
                limit=RECENT_DIALOGS,
            ),
            warehouse.top_users(
                reader, snapshot=snapshot, period=period, filters=query.filters, limit=TOP_USERS
            ),
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

    return ask


def summary(period: Period, query: CompareQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.summary(
            reader, snapshot=snapshot, period=period, filters=query.filters, compare=query.compare
        )
        rows: list[Row] = [{"span": "current", **flat(found.current)}]
        if found.previous is not None:
            rows.append({"span": "previous", **flat(found.previous)})
        return Report(
            fields={"summary": found},
            rows=rows,
            schema=joined(SPAN, schema_of(warehouse.Totals)),
        )

    return ask


def activity(period: Period, query: CompareQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.activity(
            reader, snapshot=snapshot, period=period, filters=query.filters, compare=query.compare
        )
        rows: list[Row] = [{"span": "current", **flat(point)} for point in found.points]
        rows += [{"span": "previous", **flat(point)} for point in found.previous]
        return Report(
            fields={"activity": found},
            rows=rows,
            schema=joined(SPAN, schema_of(warehouse.ActivityPoint)),
        )

    return ask


def dialogs(period: Period, query: DialogsQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        page = await warehouse.recent_dialogs(
            reader,
            snapshot=snapshot,
            period=period,
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

    return ask


def top_users(period: Period, query: TopUsersQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
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

    return ask


def retention(period: Period, query: RetentionQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.retention(
            reader,
            snapshot=snapshot,
            period=period,
            width=query.width,
            steps=query.steps,
            filters=query.filters,
        )
        rows = [
            {
                "cohort": cohort.start,
                "users": cohort.users,
                query.width.value: step,
                "active": active,
            }
            for cohort in found.cohorts
            for step, active in enumerate(cohort.active)
        ]
        return Report(
            fields={"width": query.width, "retention": found},
            rows=rows,
            schema=pa.schema(
                [
                    ("cohort", DAY),
                    ("users", COUNT),
                    (query.width.value, COUNT),
                    ("active", COUNT),
                ]
            ),
        )

    return ask


def models(period: Period, query: StatsQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.models(
            reader, snapshot=snapshot, period=period, filters=query.filters
        )
        return _table(found.models, warehouse.ModelRow, models=found)

    return ask


def stickiness(period: Period, query: StatsQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.stickiness(
            reader, snapshot=snapshot, period=period, filters=query.filters
        )
        return _table(found.points, warehouse.StickinessPoint, stickiness=found)

    return ask


def lifecycle(period: Period, query: StatsQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.lifecycle(
            reader, snapshot=snapshot, period=period, filters=query.filters
        )
        return _table(found.points, warehouse.LifecyclePoint, lifecycle=found)

    return ask


def heatmap(period: Period, query: StatsQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.heatmap(
            reader, snapshot=snapshot, period=period, filters=query.filters
        )
        return _table(found.cells, warehouse.HeatmapCell, heatmap=found)

    return ask


def funnel(period: Period, query: StatsQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.funnel(
            reader, snapshot=snapshot, period=period, filters=query.filters
        )
        rows = [flat(row) for row in found.sources]
        # Not the total: somebody may sum a column. What it has beside the sources is a row too.
        if found.others is not None:
            rows.append(flat(found.others) | {"source": OTHER_SOURCES})
        return Report(fields={"funnel": found}, rows=rows, schema=schema_of(warehouse.FunnelRow))

    return ask


def costs(period: Period, query: StatsQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.costs(
            reader, snapshot=snapshot, period=period, filters=query.filters
        )
        return _table(found.points, warehouse.CostPoint, costs=found)

    return ask


def dimensions(period: Period, _query: StatsQuery) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.dimension_values(reader, snapshot=snapshot, period=period)
        rows = [
            {"dimension": field.name.removesuffix("s"), "value": str(value)}
            for field in fields(found)
            for value in getattr(found, field.name)
        ]
        return Report(fields={"dimensions": found}, rows=rows, schema=texts("dimension", "value"))

    return ask


def quality(days: int) -> Ask:
    async def ask(reader: Reader, snapshot: Snapshot) -> Report:
        found = await warehouse.quality(reader, snapshot=snapshot, days=days)
        return _table(found.days, warehouse.ReconciledDay, quality=found)

    return ask


async def freshness(reader: Reader, snapshot: Snapshot) -> Report:
    found = await warehouse.freshness(reader, snapshot=snapshot)
    return _table([found], warehouse.Freshness, freshness=found)


async def catalogue(_reader: Reader, _snapshot: Snapshot) -> Report:
    metrics = metric_catalogue()
    rows = [flat(metric) | {"additive_over": ", ".join(metric.additive_over)} for metric in metrics]
    return Report(fields={"metrics": metrics}, rows=rows, schema=schema_of(Metric))
