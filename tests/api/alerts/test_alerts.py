"""Alerts over HTTP: made, listed, previewed, muted, acknowledged, each change in the trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from common.postgres import Sessions, transaction
from tests.api.admin.test_audit_trail import admin, events
from tests.api.running import NOW, StartApi, bearer, register
from tests.api.scopes import grant_now
from tests.warehouse.replica import Replica, turn

__all__ = ["admin"]

ALERTS = "/api/v1/alerts"
TERMS: dict[str, Any] = {
    "metric": "user_messages", "width": "hour", "test": "above", "threshold": 3,
}  # fmt: skip
ALERT: dict[str, Any] = {
    **TERMS, "name": "Many messages", "chat_ids": [-5], "webhook_url": "https://h.example.org/x?k=1",
}  # fmt: skip


async def make(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post(ALERTS, json={**ALERT, **changes})
    assert answer.status_code == 201, answer.text
    alert: dict[str, Any] = answer.json()
    return alert


async def fire(sessions: Sessions, alert_id: int, *, hours_ago: int = 1) -> int:
    """An event as the pipelines write it, with three messages."""
    async with transaction(sessions) as session:
        event: int = (
            await session.execute(
                text(
                    "INSERT INTO alert_events (alert_id, window_start, window_end, value, high)"
                    " VALUES (:alert, :since, :until, 4, 3) RETURNING id"
                ),
                {
                    "alert": alert_id,
                    "since": NOW - timedelta(hours=hours_ago),
                    "until": NOW - timedelta(hours=hours_ago - 1),
                },
            )
        ).scalar_one()
        for number, (channel, columns) in enumerate(
            [
                ("operator", "now(), now(), NULL"),
                ("chat", "now(), NULL, NULL"),
                ("webhook", "now(), NULL, 'answered 404'"),
            ]
        ):
            await session.execute(
                text(
                    "INSERT INTO outbox (key, channel, payload, claimed_at, sent_at, problem)"
                    f" VALUES (:key, :channel, '{{}}', {columns})"
                ),
                {"key": f"alert {event} {number}", "channel": channel},
            )
    return event


async def test_an_alert_is_made_changed_muted_and_removed_and_all_of_it_is_in_the_trail(
    admin: httpx.AsyncClient,
) -> None:
    made = await make(admin, quiet_from=22, quiet_until=8)
    assert (made["author"], made["destinations"], made["last_fired_at"]) == ("ann", 3, None)
    assert (await admin.get(ALERTS)).json() == {"alerts": [made]}
    path = f"{ALERTS}/{made['id']}"

    changed = await admin.put(path, json={**ALERT, "test": "unusual", "threshold": None})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["test"], changed.json()["quiet_from"]) == ("unusual", None)
    until = (datetime.now(UTC) + timedelta(hours=8)).replace(microsecond=0)
    muted = (await admin.put(f"{path}/mute", json={"until": until.isoformat()})).json()
    assert datetime.fromisoformat(muted["muted_until"]) == until
    assert (await admin.put(f"{path}/mute", json={"until": None})).json()["muted_until"] is None
    assert (await admin.delete(path)).status_code == 204

    for answer in (await admin.delete(path), await admin.put(path, json=ALERT)):
        assert answer.status_code == 404
    found = [event for event in await events(admin) if "alert_id" in event["details"]]
    assert [event["kind"] for event in found] == [
        "alert_removed", "alert_muted", "alert_muted", "alert_changed", "alert_created",
    ]  # fmt: skip
    assert found[-1]["details"] == {
        "alert_id": made["id"], "name": "Many messages", "metric": "user_messages",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"metric": "of_nothing"}, "is not a metric"),
        ({"filters": [["is", "colour", ["red"]]]}, "filters[0][1]"),
        ({"threshold": None}, "threshold"),
        ({"test": "unusual"}, "threshold"),
        ({"threshold": -1}, "greater than or equal to 0"),
        ({"width": "month"}, "'hour', 'day' or 'week'"),
        ({"name": " "}, "printable"),
        ({"quiet_from": 3}, "both ends"),
        ({"quiet_from": 3, "quiet_until": 3}, "must differ"),
        ({"webhook_url": "ftp://a.example.org"}, "https://"),
        ({"webhook_url": "https://u:p@a.example.org"}, "no user name"),
        ({"chat_ids": list(range(6))}, "at most 5"),
    ],
)
async def test_a_wrong_alert_is_refused_with_the_field_and_the_reason(
    change: dict[str, Any], problem: str, admin: httpx.AsyncClient
) -> None:
    answer = await admin.post(ALERTS, json={**ALERT, **change})
    assert answer.status_code == 422
    assert problem in answer.text


async def test_the_history_says_what_was_sent_and_an_event_is_acknowledged_once(
    admin: httpx.AsyncClient, sessions: Sessions
) -> None:
    alert = await make(admin)
    older, newer = [await fire(sessions, alert["id"], hours_ago=hours) for hours in (3, 1)]
    page = (await admin.get(f"{ALERTS}/events", params={"limit": 1})).json()
    assert [event["id"] for event in page["events"]] == [newer]
    before = {"before": page["next_before"], "alert_id": alert["id"]}
    [event] = (await admin.get(f"{ALERTS}/events", params=before)).json()["events"]
    assert (event["id"], event["name"], event["value"], event["high"]) == (
        older, "Many messages", 4, 3,
    )  # fmt: skip
    assert [(one["channel"], one["state"], one["problem"]) for one in event["messages"]] == [
        ("operator", "sent", None),
        ("chat", "unconfirmed", None),
        ("webhook", "failed", "answered 404"),
    ]
    assert (await admin.get(ALERTS)).json()["alerts"][0]["last_fired_at"] is not None

    path = f"{ALERTS}/events/{newer}/acknowledge"
    first, again = await admin.post(path), await admin.post(path)
    assert first.json()["acknowledged_by"] == "ann"
    assert again.json()["acknowledged_at"] == first.json()["acknowledged_at"]
    assert (await admin.post(f"{ALERTS}/events/9999/acknowledge")).status_code == 404
    assert len(await events(admin, what="alert_acknowledged")) == 1


async def test_readers_see_alerts_without_where_they_go_and_make_none(
    admin: httpx.AsyncClient, engine: AsyncEngine, sessions: Sessions
) -> None:
    alert = await make(admin)
    event = await fire(sessions, alert["id"])
    await grant_now(engine, admin, ["stats:read"])
    [seen] = (await admin.get(ALERTS)).json()["alerts"]
    assert (seen["chat_ids"], seen["webhook_url"], seen["destinations"]) == (None, None, 3)
    assert (await admin.post(f"{ALERTS}/events/{event}/acknowledge")).status_code == 200
    for method, path in (("POST", ALERTS), ("PUT", f"{ALERTS}/1"), ("DELETE", f"{ALERTS}/1")):
        refused = await admin.request(method, path, json=ALERT)
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    await grant_now(engine, admin, ["names:read"])
    assert (await admin.get(ALERTS)).status_code == 403


async def test_the_preview_counts_the_windows_in_which_it_would_have_fired(
    start_stats: StartApi, replica: Replica
) -> None:
    loud = NOW.replace(minute=0) - timedelta(hours=5)
    replica.store([turn(loud + timedelta(minutes=n)) for n in range(8)])
    replica.store([turn(NOW - timedelta(days=40)), turn(NOW - timedelta(days=2))])
    replica.publish(NOW - timedelta(seconds=5))
    async with start_stats().client() as client:
        await register(client)
        client.headers.update(await bearer(client))
        found = (await client.post(f"{ALERTS}/preview", json=TERMS)).json()
        assert (found["fired"], found["learning"]) == (1, 0)
        # 28 days of whole hours, of which two have turns.
        assert found["windows"] - found["no_data"] == 2
        assert found["windows"] in (28 * 24 - 1, 28 * 24)
        quiet = {**TERMS, "test": "below", "threshold": 1, "no_data": "zero"}
        silent = (await client.post(f"{ALERTS}/preview", json=quiet)).json()
        assert silent["fired"] == found["no_data"]
        unusual = {**TERMS, "test": "unusual", "threshold": None, "no_data": "zero"}
        found = (await client.post(f"{ALERTS}/preview", json=unusual)).json()
        # 40 days ago was the first turn: the band is known for the last 12 days alone.
        assert found["fired"] == 1
        assert abs(found["learning"] - 16 * 24) <= 24


async def test_the_usual_range_is_told_in_the_windows_of_any_zone(
    start_stats: StartApi, replica: Replica
) -> None:
    weekly = [NOW - timedelta(weeks=weeks, minutes=5) for weeks in range(7)]
    replica.store([turn(moment) for moment in weekly])
    replica.publish(NOW - timedelta(seconds=5))
    since = NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    question = {
        "metric": "turns",
        "width": "day",
        "since": since.isoformat(),
        "until": (since + timedelta(days=3)).isoformat(),
        "tz": "UTC",
    }
    async with start_stats().client() as client:
        await register(client)
        client.headers.update(await bearer(client))
        answer = await client.post(f"{ALERTS}/usual", json=question)
        assert answer.status_code == 200, answer.text
        yesterday, today = answer.json()["windows"]
        assert (yesterday["low"], today["low"]) == (0, 0)
        assert 0 < yesterday["high"] < today["high"]
        for field, wrong in (
            ("tz", "Nowhere/City"),
            ("until", since.isoformat()),
            ("until", (since + timedelta(days=9999)).isoformat()),
            ("since", (since + timedelta(minutes=1)).isoformat()),
            ("metric", "of_nothing"),
            ("width", "15m"),
        ):
            refused = await client.post(f"{ALERTS}/usual", json={**question, field: wrong})
            assert refused.status_code == 422, refused.text
            [problem] = refused.json()["details"]
            assert field in str(problem)
            assert "'to'" not in str(problem)
            assert " from" not in str(problem)
