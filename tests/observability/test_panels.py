"""Every panel of Grafana: answered, and equal to what the API answers."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboards.grafana.board import BOARDS
from dashboards.grafana.check import check_prometheus
from dashboards.grafana.macros import Picked
from dashboards.grafana.panels import OVER_TIME, Panel
from dashboards.grafana.probing import Asker, clickhouse_panels, helper_queries
from embedded.stack.lifecycle import Progress
from tests.observability.conftest import Demo
from tests.observability.constants import MOST_ACTIVE_PEOPLE
from tests.programs import program
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Bucket, Period, PeriodName
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import Snapshot, resolve

PANELS = [
    pytest.param(panel, id=f"{board.uid}: {panel.title}")
    for board, panel in clickhouse_panels(BOARDS)
]
BY_TITLE = {panel.title: panel for _, panel in clickhouse_panels(BOARDS)}
NUMBER = re.compile(r"(Nullable\()?(LowCardinality\()?(UInt|Int|Float|Decimal)\d*")
ROUNDS = 10
MAX_OF_A_REPORT = 10
"""A panel computes in SQL what the API passes as parameters: clocks, builds, buckets."""
DAY = timedelta(days=1)
FILTERS = {"chat_type": ["group"], "language": ["ru"], "model": ["large"]}


def picked(demo: Demo, days: int = 7, **more: Any) -> Picked:
    return Picked(since=demo.now - days * DAY, until=demo.now, **more)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_answers_with_rows_of_the_right_types(
    panel: Panel, demo: Demo, asker: Asker
) -> None:
    answer = asker.ask(panel.statement, picked(demo, zone="Asia/Kathmandu"))
    assert answer.rows
    kinds = [kind for _, kind in answer.columns]
    if panel.look in OVER_TIME:
        assert kinds[0].startswith("DateTime")
        assert answer.columns[0][0] == "time"
        assert any(NUMBER.match(kind) for kind in kinds[1:])
        assert [row[0] for row in answer.rows] == sorted(row[0] for row in answer.rows)
    else:
        assert any(NUMBER.match(kind) for kind in kinds) or panel.look == "table"


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_shows_zero_rather_than_no_rows(panel: Panel, demo: Demo, asker: Asker) -> None:
    long_ago = demo.now - timedelta(days=1_000)
    answer = asker.ask(panel.statement, Picked(since=long_ago, until=long_ago + DAY))
    assert answer.rows


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_answers_in_every_zone_under_every_filter(
    panel: Panel, demo: Demo, asker: Asker
) -> None:
    answer = asker.ask(
        panel.statement,
        picked(demo, 30, zone="America/St_Johns", interval_seconds=86_400, variables=FILTERS),
    )
    assert answer.rows


@pytest.mark.parametrize("title", ["User messages", "Messages and answers over time"])
def test_a_panel_answers_an_empty_warehouse_with_zeros(
    title: str, demo: Demo, warehouse_settings: WarehouseSettings
) -> None:
    asker = Asker(warehouse_settings.reader_url)
    try:
        rows = asker.ask(BY_TITLE[title].statement, picked(demo)).rows
    finally:
        asker.close()
    assert rows
    assert all(value == 0 for row in rows for value in row[-1:])


@pytest.mark.parametrize("name", sorted(helper_queries()))
def test_variables_and_annotations_are_answered(name: str, demo: Demo, asker: Asker) -> None:
    answer = asker.ask(helper_queries()[name], picked(demo, 60))
    assert answer.rows
    expected = ["time", "text", "tags"] if name == "annotation" else ["value", "text"]
    assert [column for column, _ in answer.columns] == expected


def test_panels_that_promtool_did_not_see_are_not_called_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program("promtool")
    assert check_prometheus(Progress())[1] == 0
    monkeypatch.setenv("PATH", str(tmp_path))
    panels, failed = check_prometheus(Progress())
    assert failed == panels > 0


# The API answers from the same reports.


@pytest.fixture
async def reader(demo: Demo) -> AsyncIterator[ClickHouseReader]:
    reader = ClickHouseReader(demo.settings)
    yield reader
    await reader.close()


@pytest.fixture
async def snapshot(reader: ClickHouseReader) -> Snapshot:
    return await resolve(reader)


def period(demo: Demo, days: int, *, tz: str = "UTC", bucket: Bucket = Bucket.DAY) -> Period:
    return Period(
        name=PeriodName.CUSTOM,
        since=demo.now - days * DAY,
        until=demo.now,
        tz=tz,
        bucket=bucket,
    )


@pytest.mark.measures
@pytest.mark.parametrize("panel", PANELS)
async def test_a_panel_costs_a_small_multiple_of_the_report_of_the_api(
    panel: Panel, demo: Demo, asker: Asker, reader: ClickHouseReader, snapshot: Snapshot
) -> None:
    chosen = picked(demo, 30, interval_seconds=3_600)
    panels: list[float] = []
    reports_of_api: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await reports.summary(reader, snapshot=snapshot, period=period(demo, 30))
        reports_of_api.append((time.perf_counter() - started) * 1000)
        panels.append(asker.ask(panel.statement, chosen).milliseconds)
        if min(panels) < MAX_OF_A_REPORT * min(reports_of_api):
            break
    assert min(panels) < MAX_OF_A_REPORT * min(reports_of_api)


FEW = {"model": "large", "chat_type": "group"}
TOTALS = {
    "User messages": "user_messages",
    "Active users": "active_users",
    "New users": "new_users",
    "Answers": "answers",
    "Reached users": "reached_users",
    "Messages per user": "messages_per_user",
    "Cost": "cost_usd",
    "Turns of unknown cost": "unpriced_turns",
    "Tokens": "tokens",
    "Failed turns": "failed",
    "Answers cut short": "incomplete",
    "First token, p95": "ttft_p95_ms",
    "Whole answer, p95": "latency_p95_ms",
    "Waiting for Telegram's limits": "flood_wait_ms",
}


# Filters are answered from other tables than the whole, and days from others than their parts.
@pytest.mark.parametrize(
    ("days", "filters"),
    [
        (1, {}),
        pytest.param(7, {}, marks=pytest.mark.long),
        (35, {}),
        pytest.param(1, FEW, marks=pytest.mark.long),
        (7, FEW),
        pytest.param(35, FEW, marks=pytest.mark.long),
    ],
)
async def test_totals_are_those_of_the_api(
    *,
    days: int,
    filters: dict[str, str],
    demo: Demo,
    asker: Asker,
    reader: ClickHouseReader,
    snapshot: Snapshot,
) -> None:
    answer = await reports.summary(
        reader,
        snapshot=snapshot,
        period=period(demo, days),
        filters=reports.Filters(**filters),
    )
    chosen = picked(demo, days, variables={name: [value] for name, value in filters.items()})
    shown = {title: asker.ask(BY_TITLE[title].statement, chosen).rows[0][0] for title in TOTALS}
    assert shown == pytest.approx(
        {title: float(getattr(answer.current, name) or 0) for title, name in TOTALS.items()}
    )


@pytest.mark.parametrize("tz", ["UTC", "Asia/Kathmandu", "Europe/Berlin", "America/New_York"])
async def test_series_are_those_of_the_api_on_the_pickers_clock(
    tz: str, demo: Demo, asker: Asker, reader: ClickHouseReader, snapshot: Snapshot
) -> None:
    points = (
        await reports.activity(reader, snapshot=snapshot, period=period(demo, 20, tz=tz))
    ).points
    chosen = picked(demo, 20, zone=tz, interval_seconds=86_400)
    messages = asker.ask(BY_TITLE["Messages and answers over time"].statement, chosen).rows
    people = asker.ask(BY_TITLE["People over time"].statement, chosen).rows
    assert [row[0] for row in messages] == [f"{point.start:%Y-%m-%d %H:%M:%S}" for point in points]
    assert [row[1:] for row in messages] == [
        (point.user_messages, point.answers) for point in points
    ]
    assert [row[1:] for row in people] == [
        (point.active_users, point.new_users) for point in points
    ]


async def test_models_are_those_of_the_api(
    demo: Demo, asker: Asker, reader: ClickHouseReader, snapshot: Snapshot
) -> None:
    models = (await reports.models(reader, snapshot=snapshot, period=period(demo, 7))).models
    rows = asker.ask(BY_TITLE["Models"].statement, picked(demo)).rows
    assert [row[:5] for row in rows] == [
        (
            model.model or "(no model asked)",
            model.turns,
            model.answers,
            model.active_users,
            model.tokens,
        )
        for model in models
    ]


async def test_costs_per_person_and_fallbacks_are_those_of_the_api(
    demo: Demo, asker: Asker, reader: ClickHouseReader, snapshot: Snapshot
) -> None:
    about: dict[str, Any] = {"snapshot": snapshot, "period": period(demo, 7)}
    costs = await reports.costs(reader, **about)
    shown = asker.ask(BY_TITLE["Cost per served user"].statement, picked(demo)).rows
    assert costs.cost_per_served_user_usd is not None
    assert shown[0][0] == pytest.approx(float(costs.cost_per_served_user_usd))
    models = (await reports.models(reader, **about)).models
    rows = asker.ask(BY_TITLE["Fallbacks by model asked"].statement, picked(demo)).rows
    assert {row[0]: tuple(row[1:]) for row in rows} == {
        model.model: (
            model.asked_turns,
            pytest.approx(model.fallback_rate),
            model.fallback_wait_ms,
            pytest.approx(float(model.fallback_cost_usd)),
        )
        for model in models
        if model.asked_turns
    }
    errors = asker.ask(BY_TITLE["Errors by model"].statement, picked(demo)).rows
    assert [row[1] for row in errors] == [model.served_turns for model in models if model.turns]


async def test_top_people_are_those_of_the_api(
    demo: Demo, asker: Asker, reader: ClickHouseReader, snapshot: Snapshot
) -> None:
    people = await reports.top_users(
        reader, snapshot=snapshot, period=period(demo, 7), by=reports.TopUsersBy.MESSAGES, limit=20
    )
    rows = asker.ask(BY_TITLE[MOST_ACTIVE_PEOPLE].statement, picked(demo)).rows
    assert [row[:4] for row in rows] == [
        (person.user_key, person.user_messages, person.answers, person.tokens) for person in people
    ]


async def test_stickiness_and_lifecycle_are_those_of_the_api(
    demo: Demo, asker: Asker, reader: ClickHouseReader, snapshot: Snapshot
) -> None:
    zone = ZoneInfo(snapshot.report_timezone)
    whole = Period(
        name=PeriodName.CUSTOM,
        since=datetime.combine((demo.now - 10 * DAY).astimezone(zone), datetime.min.time(), zone),
        until=demo.now,
        tz=snapshot.report_timezone,
        bucket=Bucket.DAY,
    )
    chosen = Picked(since=whole.since, until=whole.until, zone=snapshot.report_timezone)
    sticky = (await reports.stickiness(reader, snapshot=snapshot, period=whole)).points
    rows = asker.ask(BY_TITLE["Daily, weekly and monthly users"].statement, chosen).rows
    assert [row[1:] for row in rows] == [(one.dau, one.wau, one.mau) for one in sticky]
    cycle = (await reports.lifecycle(reader, snapshot=snapshot, period=whole)).points
    rows = asker.ask(BY_TITLE["New, returning and lost people"].statement, chosen).rows
    assert [row[1:] for row in rows] == [(one.new, one.returning, one.churned) for one in cycle]


async def test_the_heatmap_is_that_of_the_api(
    demo: Demo, asker: Asker, reader: ClickHouseReader, snapshot: Snapshot
) -> None:
    tz = "Asia/Kathmandu"
    cells = (await reports.heatmap(reader, snapshot=snapshot, period=period(demo, 14, tz=tz))).cells
    rows = asker.ask(BY_TITLE["Weekday and hour"].statement, picked(demo, 14, zone=tz)).rows
    shown = {(row[0], hour): row[1 + hour] for row in rows for hour in range(24)}
    assert shown == {(cell.weekday, cell.hour): cell.user_messages for cell in cells}


def share_active(cohort: reports.Cohort, step: int) -> Any:
    active = cohort.active[step]
    return None if active is None else pytest.approx(active / max(cohort.users, 1))


async def test_retention_and_funnel_are_those_of_the_api(
    demo: Demo, asker: Asker, reader: ClickHouseReader, snapshot: Snapshot
) -> None:
    found = await reports.retention(reader, snapshot=snapshot, period=period(demo, 39), steps=30)
    rows = asker.ask(BY_TITLE["Retention by first day"].statement, picked(demo, 39)).rows
    assert sum(row[1] for row in rows) > 0
    assert {row[0]: (row[1], row[2], row[5]) for row in rows} == {
        str(cohort.start): (cohort.users, *(share_active(cohort, step) for step in (1, 7)))
        for cohort in found.cohorts
    }
    funnel = await reports.funnel(reader, snapshot=snapshot, period=period(demo, 39))
    rows = asker.ask(BY_TITLE["Funnel by source"].statement, picked(demo, 39)).rows
    assert {row[0]: row[1:3] for row in rows} == {
        one.source or "(none)": (one.started, one.activated.users) for one in funnel.sources
    }
