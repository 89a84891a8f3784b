"""Data past its retention is erased, nothing younger is, and no figure changes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from common.settings import ReportSettings
from pipelines.cycle import run_cycle
from pipelines.quality import retention
from pipelines.quality.retention import apply_retention
from pipelines.settings import PipelineSection, PipelineSettings
from tests.pipelines.ledger import Ledger, assert_equal, random_turn, turn
from tests.pipelines.rollups.test_rollup import assert_exact
from warehouse.clickhouse.client import Writer


def keeping(pipeline_settings: PipelineSettings, **settings: int) -> PipelineSettings:
    return replace(pipeline_settings, pipelines=PipelineSection.model_validate(settings))


def add_text(ledger: Ledger, person: int, *, days_old: float) -> None:
    dialog = ledger.execute(
        "INSERT INTO dialogs (id, bot_id, chat_hmac, chat_type, user_key)"
        " VALUES (%s, 7, %s, 'private', %s) RETURNING id",
        uuid4(),
        uuid4().bytes,
        person,
    )[0]["id"]
    ledger.execute(
        "INSERT INTO messages (id, user_key, dialog_id, turn_id, role, content, content_length,"
        " created_at) VALUES (%s, %s, %s, %s, 'user', 'sealed', 6, now() - %s)",
        uuid4(),
        person,
        dialog,
        uuid4(),
        timedelta(days=days_old),
    )


def test_texts_go_after_their_days_and_never_while_no_limit_is_set(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    person = ledger.add_person()
    chance = random.Random(13)
    ledger.add(*(random_turn(chance, days=3, users=3) for _ in range(20)))
    run_cycle(pipeline_settings)
    for days_old in (0.5, 29.5, 30.5, 400):
        add_text(ledger, person, days_old=days_old)

    assert apply_retention(keeping(pipeline_settings)).texts == 0
    assert apply_retention(keeping(pipeline_settings, message_retention_days=30)).texts == 2

    left = ledger.execute("SELECT now() - created_at < interval '30 days' AS young FROM messages")
    assert [row["young"] for row in left] == [True, True]
    run_cycle(pipeline_settings)
    assert_equal(ledger, writer)
    assert_exact(ledger, writer)


def add_update(
    ledger: Ledger, update_id: int, *, days_old: float | None, outcome: str | None = "parked"
) -> None:
    """An update that kept its payload; `days_old` since it was settled."""
    ledger.execute(
        "INSERT INTO updates (bot_id, update_id, kind, lane, payload, outcome, received_at,"
        " settled_at) VALUES (7, %s, 'message', 'lane', 'sealed', %s, now() - interval '9 years',"
        " now() - %s::interval)",
        update_id,
        outcome,
        None if days_old is None else timedelta(days=days_old),
    )


def test_a_parked_update_keeps_its_payload_for_the_days_of_texts(
    pipeline_settings: PipelineSettings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [1, 2, 3, 4, 5]
    for update_id in old:
        add_update(ledger, update_id, days_old=30.5)
    add_update(ledger, 11, days_old=29.5)
    add_update(ledger, 12, days_old=None, outcome=None)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 2)

    assert apply_retention(keeping(pipeline_settings)).payloads == 0
    assert apply_retention(keeping(pipeline_settings, message_retention_days=30)).payloads == len(
        old
    )
    assert apply_retention(keeping(pipeline_settings, message_retention_days=30)).payloads == 0

    rows = ledger.execute("SELECT update_id, outcome, payload FROM updates ORDER BY update_id")
    kept = {row["update_id"]: row["outcome"] for row in rows if row["payload"]}
    assert kept == {11: "parked", 12: None}
    assert {row["outcome"] for row in rows if not row["payload"]} == {"parked"}


def test_the_sentence_of_a_provider_is_kept_for_the_days_of_texts(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    for number, days_old in enumerate((31, 29), start=1):
        ledger.execute(
            "INSERT INTO llm_calls (id, turn_id, attempt, model, started_at, provider_message)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), %s, 'small',"
            " now() - make_interval(days => %s), 'sealed')",
            number,
            days_old,
        )

    assert apply_retention(keeping(pipeline_settings)).provider_messages == 0
    assert (
        apply_retention(keeping(pipeline_settings, message_retention_days=30)).provider_messages
        == 1
    )

    rows = ledger.execute("SELECT provider_message FROM llm_calls ORDER BY attempt")
    assert [row["provider_message"] for row in rows] == [None, b"sealed"]


def test_an_update_that_is_given_back_meanwhile_keeps_its_payload(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    add_update(ledger, 1, days_old=30.5)
    with psycopg.connect(pipeline_settings.database.libpq_url) as operator:
        operator.execute("UPDATE updates SET outcome = NULL, settled_at = NULL")
        assert apply_retention(keeping(pipeline_settings, message_retention_days=30)).payloads == 0

    [row] = ledger.execute("SELECT outcome, payload FROM updates")
    assert (row["outcome"], row["payload"]) == (None, b"sealed")


def test_a_tombstone_stays_until_it_was_replicated_however_old_it_is(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    first, second = ledger.add(turn(), turn(user=2))
    run_cycle(pipeline_settings)
    ledger.execute("DELETE FROM turns WHERE id = %s", first)
    ledger.execute("UPDATE tombstones SET deleted_at = now() - interval '90 days'")
    brief = keeping(pipeline_settings, tombstone_retention_days=30)
    assert apply_retention(brief).tombstones == 0

    run_cycle(pipeline_settings)
    ledger.execute("DELETE FROM turns WHERE id = %s", second)
    assert apply_retention(brief).tombstones == 1

    run_cycle(pipeline_settings)
    assert_equal(ledger, writer)
    assert writer.value("turns", sql="SELECT count() FROM turns FINAL") == 0


def test_what_an_erased_person_had_spent_goes_with_its_day_or_month(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    now = datetime.now(UTC)
    # It is another day there than in UTC, and will be for hours.
    zone = "Etc/GMT+12" if now.hour < 10 else "Etc/GMT-14"
    today = now.astimezone(ZoneInfo(zone)).date()
    assert today != now.date()
    month = today.replace(day=1)
    kept = {("day", today), ("month", month)}
    gone = {
        ("day", today - timedelta(days=1)),
        ("month", (month - timedelta(days=1)).replace(day=1)),
    }
    for period, start in kept | gone:
        ledger.execute(
            "INSERT INTO spent_budgets (telegram_hmac, period, period_start, messages, cost_usd)"
            " VALUES ('h', %s, %s, 1, 0)",
            period,
            start,
        )

    there = replace(
        pipeline_settings, report=ReportSettings.model_validate({"report_timezone": zone})
    )
    assert apply_retention(there).budgets == 2

    left = ledger.execute("SELECT period, period_start FROM spent_budgets")
    assert {(row["period"], row["period_start"]) for row in left} == kept


def test_old_audit_events_go_and_young_ones_stay_whatever_is_asked(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    for days_old in (0, 29, 31, 400):
        ledger.execute(
            "INSERT INTO audit_events (kind, occurred_at) VALUES ('login', now() - %s)",
            timedelta(days=days_old),
        )
    assert apply_retention(keeping(pipeline_settings)).audit_events == 0
    assert apply_retention(keeping(pipeline_settings, audit_retention_days=0)).audit_events == 0
    assert apply_retention(keeping(pipeline_settings, audit_retention_days=300)).audit_events == 1
    assert apply_retention(keeping(pipeline_settings, audit_retention_days=1)).audit_events == 1
