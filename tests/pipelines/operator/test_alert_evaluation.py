"""Alerts over real parts: from the ledger through the warehouse to history and outbox."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.cycle import run_cycle
from pipelines.operator.alert_evaluation import (
    StoredAlert,
    are_alerts_due,
    evaluate_alerts,
)
from pipelines.operator.digest import make_report
from pipelines.settings import PipelineSection, PipelineSettings
from tests.pipelines.ledger import NOON, Ledger, turn
from warehouse.snapshot import NOTHING_PUBLISHED

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
MOSCOW = replace(NOTHING_PUBLISHED, report_timezone="Europe/Moscow")


def add_alert(ledger: Ledger, **columns: Any) -> int:
    row = {
        "name": "Many messages", "metric": "user_messages", "width": "hour", "test": "above",
        "threshold": 3, "no_data": "ignore", "judged_through": NOON, "author_id": 1,
        "author": "ann", **columns,
    }  # fmt: skip
    [added] = ledger.execute(
        f"INSERT INTO alerts ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})"
        " RETURNING id",
        *row.values(),
    )
    return int(added["id"])


def events(ledger: Ledger) -> list[dict[str, Any]]:
    return ledger.execute("SELECT * FROM alert_events ORDER BY window_start")


def outbox(ledger: Ledger) -> list[dict[str, Any]]:
    return ledger.execute("SELECT * FROM outbox ORDER BY id")


def hours_of(ledger: Ledger, *counts: int) -> None:
    """So many messages in each of the last whole hours, the newest last."""
    for back, count in enumerate(reversed(counts), start=1):
        at = HOUR - timedelta(hours=back) + timedelta(minutes=1)
        ledger.add(*(turn(at=at) for _ in range(count)))


def since_hours(hours: int) -> datetime:
    return HOUR - timedelta(hours=hours)


def test_a_window_that_fires_is_in_the_history_and_once_in_the_outbox(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    alert = add_alert(
        ledger,
        judged_through=since_hours(2),
        chat_ids=[-5],
        webhook_url="https://hooks.example.org/a",
        filters=json.dumps([["is", "model", ["small"]]]),
    )
    hours_of(ledger, 2, 4)
    ledger.add(*(turn(at=since_hours(2), model_used="large") for _ in range(9)))
    assert not are_alerts_due(pipeline_settings)  # nothing is published yet
    run_cycle(pipeline_settings)
    assert are_alerts_due(pipeline_settings)

    now = datetime.now(UTC)
    keys = evaluate_alerts(pipeline_settings, now)

    [event] = events(ledger)
    assert (event["alert_id"], event["window_start"]) == (alert, since_hours(1))
    assert (event["value"], event["low"], event["high"], event["silence"]) == (4, None, 3, None)
    assert keys == [f"alert {event['id']} {number}" for number in range(3)]
    messages = outbox(ledger)
    assert [row["key"] for row in messages] == keys
    assert [row["channel"] for row in messages] == ["operator", "chat", "webhook"]
    assert not any(row["resends"] for row in messages)
    assert messages[0]["payload"]["text"].startswith(
        "🔔 Many messages: 4 (at most 3 expected)\nIn the hour from "
    )
    assert messages[1]["payload"]["chat_id"] == -5
    body = messages[2]["payload"]["body"]
    assert (body["value"], body["high"], body["metric"]) == (4, 3, "user_messages")
    # Neither the next look nor one that forgot what it had judged adds anything.
    assert not are_alerts_due(pipeline_settings)
    ledger.execute("UPDATE alerts SET judged_through = %s", since_hours(2))
    assert evaluate_alerts(pipeline_settings, now) == []
    assert (len(events(ledger)), len(outbox(ledger))) == (1, 3)


def test_after_an_interruption_all_windows_are_in_the_history_and_the_last_is_told(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    add_alert(ledger, judged_through=since_hours(4))
    hours_of(ledger, 9, 1, 7, 8)
    run_cycle(pipeline_settings)
    assert len(evaluate_alerts(pipeline_settings, datetime.now(UTC))) == 1
    assert [(one["value"], one["silence"]) for one in events(ledger)] == [
        (9, "late"), (7, "late"), (8, None),
    ]  # fmt: skip


@pytest.mark.parametrize("silence", ["muted", "acknowledged"])
def test_a_muted_or_acknowledged_alert_is_noted_and_not_told(
    silence: str, pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    alert = add_alert(ledger, judged_through=since_hours(1))
    if silence == "muted":
        ledger.execute("UPDATE alerts SET muted_until = now() + interval '1 hour'")
    else:
        ledger.execute(
            "INSERT INTO alert_events (alert_id, window_start, window_end, acknowledged_at,"
            " acknowledged_by) VALUES (%s, %s, %s, now(), 'ann')",
            alert, since_hours(2), since_hours(1),
        )  # fmt: skip
    hours_of(ledger, 4)
    run_cycle(pipeline_settings)
    assert evaluate_alerts(pipeline_settings, datetime.now(UTC)) == []
    last = events(ledger)[-1]
    assert last["silence"] == silence
    assert last["acknowledged_by"] == ("ann" if silence == "acknowledged" else None)
    assert outbox(ledger) == []


def test_unusual_needs_four_weeks_and_then_speaks(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    hour = since_hours(1)
    add_alert(ledger, test="unusual", threshold=None, judged_through=hour, name="Odd hour")
    ledger.add(turn(at=hour - timedelta(days=25)))
    ledger.add(*(turn(at=hour) for _ in range(40)))
    run_cycle(pipeline_settings)
    now = datetime.now(UTC)
    assert evaluate_alerts(pipeline_settings, now) == []
    ledger.add(*(turn(at=hour - timedelta(weeks=week)) for week in range(1, 6) for _ in range(10)))
    run_cycle(pipeline_settings)
    ledger.execute("UPDATE alerts SET judged_through = %s", hour)
    assert len(evaluate_alerts(pipeline_settings, now)) == 1
    [event] = events(ledger)
    # 10 in each of 4 weeks (the fifth is that of the first turn) varies by the root of 10.
    assert event["value"] == 40
    assert 20 < event["high"] < 32


def test_an_alert_on_a_metric_that_is_gone_does_not_hold_the_others_up(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    add_alert(ledger, metric="of_a_later_version", judged_through=since_hours(1))
    add_alert(ledger, judged_through=since_hours(1))
    hours_of(ledger, 4)
    run_cycle(pipeline_settings)
    assert len(evaluate_alerts(pipeline_settings, datetime.now(UTC))) == 1
    assert not are_alerts_due(pipeline_settings)


@pytest.mark.parametrize(
    ("hours", "local", "ends"),
    [
        ((22, 8), "2025-03-10T21:59", None),
        ((22, 8), "2025-03-10T22:00", "2025-03-11T08:00"),
        ((22, 8), "2025-03-11T07:59", "2025-03-11T08:00"),
        ((22, 8), "2025-03-11T08:00", None),
        ((9, 17), "2025-03-11T12:30", "2025-03-11T17:00"),
        ((None, None), "2025-03-11T12:30", None),
    ],
)
def test_quiet_hours_end_on_the_clock_of_the_reports(
    hours: tuple[int | None, int | None], local: str, ends: str | None
) -> None:
    alert = StoredAlert(
        id=1, name="", metric="turns", filters=[], width="hour", test="above", threshold=1,
        no_data="ignore", quiet_from=hours[0], quiet_until=hours[1], to_operator=True, chat_ids=[],
        webhook_url=None, is_muted=False, judged_through=NOON,
    )  # fmt: skip
    zone = MOSCOW.zone
    now = datetime.fromisoformat(local).replace(tzinfo=zone)
    expected = ends and datetime.fromisoformat(ends).replace(tzinfo=zone).astimezone(UTC)
    assert alert.quiet_end(now, MOSCOW) == expected


def test_a_message_waits_for_the_end_of_the_quiet_hours(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    hour = datetime.now(UTC).astimezone(MOSCOW.zone).hour
    add_alert(ledger, judged_through=since_hours(1), quiet_from=hour, quiet_until=(hour + 2) % 24)
    hours_of(ledger, 4)
    run_cycle(pipeline_settings)
    now = datetime.now(UTC)
    evaluate_alerts(pipeline_settings, now)
    [message] = outbox(ledger)
    assert message["send_after"] > now


async def test_the_week_and_the_month_are_reported_beside_those_before(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.add(*(turn(user=user) for user in (1, 2)), turn(at=NOON - timedelta(days=7)))
    await asyncio.to_thread(run_cycle, pipeline_settings)
    week = await make_report(pipeline_settings, "week", NOON + timedelta(days=7))
    assert week.key == "week 2025-03-10"
    assert week.text.splitlines()[:3] == [
        "Week from Monday, 10 March 2025 (Europe/Moscow)", "", "user messages: 2 (vs 1)",
    ]  # fmt: skip
    assert week.chart is not None
    assert [count for _, count in week.chart[1]] == [2, 0, 0, 0, 0, 0, 0]
    russian = replace(
        pipeline_settings, pipelines=PipelineSection.model_validate({"default_language": "ru"})
    )
    month = await make_report(russian, "month", NOON + timedelta(days=30))
    assert month.key == "month 2025-03-01"
    assert "сообщения: 3 (раньше: 0)" in month.text
