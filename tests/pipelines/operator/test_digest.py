"""The operator's daily digest has the numbers of the API, and the anomalies."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from pipelines.cycle import run_cycle
from pipelines.definitions import build_definitions
from pipelines.operator.anomalies import day_anomalies
from pipelines.operator.digest import make_digest, send_digest, yesterday
from pipelines.settings import PipelineSection, PipelineSettings
from tests.pipelines.constants import FIRST_DAY
from tests.pipelines.ledger import Ledger, turn
from warehouse.reports import ActivityPoint

DAY = date(2025, 3, 10)
NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)


def point(number: int, **figures: Any) -> ActivityPoint:
    usual: dict[str, Any] = {
        "user_messages": 100, "turns": 90, "answers": 88, "failed": 2, "rejected": 0,
        "active_users": 20, "served_users": 20, "new_users": 2, "tokens": 9_000,
        "cost_usd": Decimal("0.5"), "unpriced_turns": 0, "latency_p50_ms": 1_000.0,
        "latency_p95_ms": 4_000.0,
    }  # fmt: skip
    others = dict.fromkeys((field.name for field in fields(ActivityPoint)), 0)
    named = others | usual | figures
    return ActivityPoint(
        **named | {"start": NOON + timedelta(days=number), "served_turns": named["turns"]}
    )


def noisy(days: int) -> list[ActivityPoint]:
    chance = random.Random(3)
    return [
        replace(point(day), user_messages=chance.randint(85, 115), turns=chance.randint(80, 100))
        for day in range(days)
    ]


def in_russian(pipeline_settings: PipelineSettings) -> PipelineSettings:
    return replace(
        pipeline_settings, pipelines=PipelineSection.model_validate({"default_language": "ru"})
    )


def test_a_usual_day_is_no_news() -> None:
    assert day_anomalies([*noisy(20), point(20)]) == []


def test_a_day_far_from_the_usual_is_named_with_what_is_usual() -> None:
    found = day_anomalies([*noisy(20), point(20, user_messages=20, failed=45)])
    assert [one.figure for one in found] == ["user_messages", "failed_percent"]
    assert found[0].value == 20
    assert 95 <= found[0].usual <= 105


def test_a_steady_figure_may_move_a_little() -> None:
    steady = [point(day) for day in range(20)]
    assert day_anomalies([*steady, point(20, user_messages=125)]) == []
    assert day_anomalies([*steady, point(20, user_messages=140)]) != []


def test_a_week_must_pass_before_anything_is_unusual() -> None:
    empty = [point(day, turns=0, user_messages=0) for day in range(20)]
    assert day_anomalies([*empty, *noisy(6), point(26, user_messages=900)]) == []
    assert day_anomalies([]) == []


async def test_the_digest_says_what_the_ledger_says(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.add(
        *(turn(user=user, at=NOON - timedelta(minutes=user)) for user in (1, 2, 3)),
        turn(user=3, at=NOON, status="failed", reason="timeout", cost_usd=None),
        turn(user=9, at=NOON - timedelta(days=1)),
    )
    await asyncio.to_thread(run_cycle, pipeline_settings)
    digest = await make_digest(pipeline_settings, DAY)
    assert "Monday, 10 March 2025 (Europe/Moscow)" in digest.text
    assert "4 messages from 3 people, 3 of them new" in digest.text
    assert "3 answers, 1 failed, 0 rejected" in digest.text
    assert "$0.0003" in digest.text
    assert digest.chart is not None
    assert digest.chart[1][-2:] == ((DAY - timedelta(days=1), 1), (DAY, 4))


async def test_the_digest_speaks_the_language_of_the_setting(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.add(*(turn(user=user, at=NOON - timedelta(minutes=user)) for user in (1, 2, 3)))
    await asyncio.to_thread(run_cycle, pipeline_settings)
    digest = await make_digest(in_russian(pipeline_settings), DAY)
    assert "Понедельник, 10 марта 2025 (Europe/Moscow)" in digest.text
    assert "Сообщений: 3, людей: 3, из них новых: 3" in digest.text
    assert digest.chart is not None
    assert digest.chart[0] == "Сообщения по дням"
    assert not re.search("[A-Za-z]{4,}", digest.text.replace("Europe/Moscow", ""))


def test_the_digest_of_a_day_is_written_once(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.add(turn())
    run_cycle(pipeline_settings)
    assert send_digest(pipeline_settings, DAY)
    assert not send_digest(pipeline_settings, DAY)
    rows = ledger.execute("SELECT key, payload FROM outbox")
    assert [row["key"] for row in rows] == ["digest 2025-03-10"]
    assert rows[0]["payload"]["chart"]["days"][-1] == ["2025-03-10", 1]


def test_an_empty_warehouse_has_a_digest_too(pipeline_settings: PipelineSettings) -> None:
    assert send_digest(pipeline_settings, DAY)


def test_yesterday_is_that_of_the_report_zone(pipeline_settings: PipelineSettings) -> None:
    late = datetime(2025, 3, 10, 22, tzinfo=UTC)  # already the 11th in Moscow
    assert ZoneInfo(pipeline_settings.report.report_timezone).key == "Europe/Moscow"
    assert yesterday(pipeline_settings, late) == date(2025, 3, 10)


def test_the_schedule_runs_only_when_a_chat_is_named(pipeline_settings: PipelineSettings) -> None:
    for chat, status in (
        (None, dg.DefaultScheduleStatus.STOPPED),
        (-100, dg.DefaultScheduleStatus.RUNNING),
    ):
        given = replace(
            pipeline_settings, pipelines=PipelineSection.model_validate({"operator_chat_id": chat})
        )
        repository = build_definitions(given, first_day=FIRST_DAY).get_repository_def()
        found = {one.name: one for one in repository.schedule_defs}
        for name, cron in (
            ("digest_every_morning", "0 9 * * *"),
            ("notices_every_hour", "10 * * * *"),
        ):
            assert found[name].default_status is status
            assert found[name].cron_schedule == cron
