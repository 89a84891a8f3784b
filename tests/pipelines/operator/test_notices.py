"""Notices between two digests: one for each anomaly, from the reports, in the chosen language."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.cycle import run_cycle
from pipelines.operator.alerts import make_notices, send_notices
from pipelines.operator.anomalies import hour_anomalies
from pipelines.settings import PipelineSection, PipelineSettings
from tests.pipelines.ledger import NOON, Ledger, turn
from warehouse.reports import ActivityPoint

UTC_ZONE = ZoneInfo("UTC")
HOURS = 24 * 20
OVER = NOON + timedelta(hours=1, minutes=10)
"""The hour from noon is over."""


def hour(number: int, **figures: Any) -> ActivityPoint:
    usual: dict[str, Any] = {
        "user_messages": 100, "turns": 90, "answers": 88, "failed": 2, "rejected": 0,
        "active_users": 20, "served_users": 20, "new_users": 2, "tokens": 9_000,
        "cost_usd": Decimal("0.5"), "unpriced_turns": 0, "latency_p50_ms": 1_000.0,
        "latency_p95_ms": 4_000.0,
    }  # fmt: skip
    others = dict.fromkeys((field.name for field in fields(ActivityPoint)), 0)
    named = others | usual | figures
    return ActivityPoint(
        **named | {"start": NOON + timedelta(hours=number), "served_turns": named["turns"]}
    )


def steady(hours: int = HOURS, **figures: Any) -> list[ActivityPoint]:
    return [hour(number, **figures) for number in range(hours)]


def names(points: list[ActivityPoint]) -> list[str]:
    return [one.figure for one in hour_anomalies(points, UTC_ZONE)]


def test_a_usual_hour_is_no_news() -> None:
    assert names(steady()) == []
    assert names([]) == []


def test_an_hour_is_compared_with_the_same_hour_of_other_days() -> None:
    # Nights are quiet: every noon is loud, and only noon is.
    points = [hour(number, user_messages=500 if number % 24 == 0 else 5) for number in range(HOURS)]
    assert names([*points, hour(HOURS, user_messages=500)]) == []
    assert names([*points, hour(HOURS, user_messages=5)]) == ["user_messages"]


def test_little_is_no_news_however_rare() -> None:
    quiet = steady(user_messages=1, active_users=1, turns=1, failed=0)
    assert names([*quiet, hour(HOURS, user_messages=4, active_users=3, turns=4, failed=4)]) == []


def test_few_turns_say_nothing_about_a_share() -> None:
    assert names([*steady(), hour(HOURS, failed=60)]) == ["failed_percent"]
    assert names([*steady(), hour(HOURS, turns=10, failed=9)]) == []


def test_a_week_must_pass_before_an_hour_is_unusual() -> None:
    assert names([*steady(24 * 6), hour(24 * 6, user_messages=900)]) == []


def test_an_anomaly_that_lasts_is_known_by_its_first_hour() -> None:
    points = [*steady(), *(hour(HOURS + more, user_messages=900) for more in range(3))]
    (found,) = hour_anomalies(points, UTC_ZONE)
    assert found.since == NOON + timedelta(hours=HOURS)
    # The other way is another one.
    (turned,) = hour_anomalies([*points, hour(HOURS + 3, user_messages=0)], UTC_ZONE)
    assert turned.since == NOON + timedelta(hours=HOURS + 3)


def a_loud_noon(ledger: Ledger, *, hours: int = 1) -> None:
    for day in range(1, 12):
        for after in range(3):
            at = NOON - timedelta(days=day) + timedelta(hours=after)
            ledger.add(*(turn(user=user, at=at) for user in range(1, 4)))
    for after in range(hours):
        at = NOON + timedelta(hours=after, minutes=5)
        ledger.add(*(turn(user=1 + number % 3, at=at) for number in range(60)))


def test_an_anomaly_is_told_once_while_it_lasts(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    a_loud_noon(ledger, hours=2)
    run_cycle(pipeline_settings)
    key = "notice 2025-03-10T12:00Z user_messages"
    assert send_notices(pipeline_settings, OVER) == [key]
    assert send_notices(pipeline_settings, OVER) == []
    assert send_notices(pipeline_settings, OVER + timedelta(hours=1)) == []
    rows = ledger.execute("SELECT key, payload FROM outbox")
    assert [row["key"] for row in rows] == [key]
    assert rows[0]["payload"]["text"].splitlines()[:2] == [
        "Unusual: user messages: 60, usually 3",
        "In the hour from 15:00 of Monday, 10 March 2025 (Europe/Moscow)",
    ]


async def test_a_notice_speaks_the_language_of_the_setting(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    a_loud_noon(ledger)
    await asyncio.to_thread(run_cycle, pipeline_settings)
    russian = replace(
        pipeline_settings, pipelines=PipelineSection.model_validate({"default_language": "ru"})
    )
    (notice,) = await make_notices(russian, OVER)
    assert "Необычно: сообщения: 60, обычно 3" in notice.text
    assert "15:00, Понедельник, 10 марта 2025 (Europe/Moscow)" in notice.text


def test_an_hour_that_is_not_counted_yet_is_not_judged(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    a_loud_noon(ledger)
    run_cycle(pipeline_settings)
    assert send_notices(pipeline_settings, datetime.now(UTC) + timedelta(hours=2)) == []


def test_a_check_that_fails_is_told_once_a_day(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.add(turn())
    late = replace(
        pipeline_settings,
        pipelines=PipelineSection.model_validate({"replication_alert_seconds": 1e-9}),
    )
    run_cycle(late)
    now = datetime.now(UTC)
    today = now.astimezone(ZoneInfo("Europe/Moscow")).date()
    assert send_notices(pipeline_settings, now) == [f"notice {today} check replication_lag"]
    assert send_notices(pipeline_settings, now) == []
    (tomorrow,) = send_notices(pipeline_settings, now + timedelta(days=1))
    assert str(today + timedelta(days=1)) in tomorrow
