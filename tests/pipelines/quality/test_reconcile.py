"""Reconciliation finds and repairs every difference, and finds none in equal stores."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

import pytest

from pipelines.commands.backfill import backfill
from pipelines.commands.reconcile import reconcile
from pipelines.cycle import run_cycle
from pipelines.settings import PipelineSettings
from pipelines.source.columns import REPLICATED
from tests.pipelines.by_hand import run
from tests.pipelines.ledger import NOON, Ledger, assert_equal, random_turn, turn
from warehouse.clickhouse.client import Writer
from warehouse.clickhouse.statements import statement


@pytest.fixture
def filled(pipeline_settings: PipelineSettings, ledger: Ledger) -> Ledger:
    chance = random.Random(3)
    ledger.add(*(random_turn(chance, days=5) for _ in range(300)))
    people = [ledger.add_person(source=chance.choice([None, "ads"])) for _ in range(30)]
    ledger.execute("UPDATE users SET blocked_at = now() WHERE key = %s", people[2])
    rated = turn(at=NOON - timedelta(days=1))
    ledger.add(rated)
    for person in people[:4]:
        ledger.rate(rated, user=person, verdict=chance.choice([1, -1]))
        ledger.happen("command", chance.choice(["usage", "unknown"]), user=person)
    run_cycle(pipeline_settings)
    return ledger


def _lose_rows(writer: Writer) -> None:
    writer.run(
        "damage",
        sql="ALTER TABLE turns DELETE WHERE cityHash64(id) % 10 = 0 SETTINGS mutations_sync = 2",
    )


def _corrupt_rows(writer: Writer) -> None:
    writer.run(
        "damage",
        sql="ALTER TABLE turns UPDATE prompt_tokens = 1 WHERE cityHash64(id) % 10 = 1"
        " SETTINGS mutations_sync = 2",
    )


def _add_a_ghost(writer: Writer) -> None:
    writer.run(
        "damage",
        sql="INSERT INTO turns SELECT * REPLACE (generateUUIDv4() AS id) FROM turns LIMIT 1",
    )


def _freeze_a_row(writer: Writer) -> None:
    writer.run(
        "damage",
        sql="INSERT INTO turns SELECT * REPLACE (version + 1000000 AS version, 7 AS answer_chars)"
        " FROM turns LIMIT 1",
    )


def _spoil_a_rollup(writer: Writer) -> None:
    writer.run(
        "damage",
        sql="ALTER TABLE daily DELETE WHERE bot_id = 8 SETTINGS mutations_sync = 2",
    )


def _spoil_verdicts(writer: Writer) -> None:
    _spoil(writer, "feedback", wrong="verdict = 0")


def _spoil_events(writer: Writer) -> None:
    _spoil(writer, "user_events", wrong="name = 'other'")


def _spoil(writer: Writer, table: str, *, wrong: str) -> None:
    """One row is lost, one is wrong, one never was."""
    for damage in (
        f"DELETE WHERE id = (SELECT min(id) FROM {table})",
        f"UPDATE {wrong} WHERE id = (SELECT max(id) FROM {table})",
    ):
        writer.run("damage", sql=f"ALTER TABLE {table} {damage} SETTINGS mutations_sync = 2")
    writer.run(
        "damage",
        sql=f"INSERT INTO {table} SELECT * REPLACE (generateUUIDv4() AS id) FROM {table} LIMIT 1",
    )


LEDGER_DAMAGE = [
    _lose_rows,
    _corrupt_rows,
    _add_a_ghost,
    _freeze_a_row,
    _spoil_a_rollup,
    _spoil_verdicts,
    _spoil_events,
]


def test_equal_stores_do_not_differ_and_damage_is_found_repaired_and_reported(
    pipeline_settings: PipelineSettings, filled: Ledger, writer: Writer
) -> None:
    outcome = reconcile(pipeline_settings)
    assert (outcome.turns, outcome.rows_differ, outcome.repaired, outcome.ok) == (301, 0, 0, True)
    assert outcome.days >= 5
    assert writer.value("ok", sql="SELECT countIf(NOT ok) FROM reconciliation") == 0
    seen: set[UUID] = set()
    for damage in LEDGER_DAMAGE:
        damage(writer)
        outcome = reconcile(pipeline_settings)
        assert outcome.ok
        assert outcome.repaired >= 1
        assert (outcome.rows_differ > 0) == (damage is not _spoil_a_rollup)
        assert_equal(filled, writer)
        rows = writer.rows("recorded", sql="SELECT * FROM reconciliation WHERE repaired")
        recorded = [row for row in rows if row["run_id"] not in seen]
        assert len(recorded) == outcome.repaired
        assert sum(row["rows_differ"] for row in recorded) == outcome.rows_differ
        seen |= {row["run_id"] for row in recorded}
        assert reconcile(pipeline_settings).rows_differ == 0


def test_damage_to_people_and_to_what_was_deleted_is_found_repaired_and_reported(
    pipeline_settings: PipelineSettings, filled: Ledger, writer: Writer
) -> None:
    turns = [row["id"] for row in filled.execute("SELECT id FROM turns ORDER BY id LIMIT 3")]
    people = [row["key"] for row in filled.execute("SELECT key FROM users ORDER BY key")]
    filled.execute("DELETE FROM turns WHERE id = ANY(%s)", turns)
    filled.execute("DELETE FROM users WHERE key = %s", people[0])
    run_cycle(pipeline_settings)
    for damage in (
        # Deleted turns come back, two people are lost, two are wrong, one never was.
        (
            "INSERT INTO turns SELECT t.* REPLACE (0 AS is_deleted) FROM turns AS t"
            " WHERE t.is_deleted = 1"
        ),
        (
            "ALTER TABLE people DELETE WHERE user_key IN {lost:Array(UInt32)}"
            " SETTINGS mutations_sync = 2"
        ),
        (
            "ALTER TABLE people UPDATE blocked_at = NULL, source = 'x'"
            " WHERE user_key IN {wrong:Array(UInt32)} SETTINGS mutations_sync = 2"
        ),
        (
            "INSERT INTO people SELECT p.* REPLACE (toUInt32(4000) AS user_key)"
            " FROM people AS p FINAL LIMIT 1"
        ),
        # And one who was erased is remembered, in the second of two parts: three would be merged.
        "OPTIMIZE TABLE people FINAL",
        (
            "INSERT INTO people SELECT p.* REPLACE (p.version - 1 AS version, 0 AS is_deleted,"
            " 'ads' AS source, now64(6) AS created_at) FROM people AS p WHERE p.is_deleted = 1"
        ),
    ):
        writer.run("damage", {"lost": people[4:6], "wrong": people[1:3]}, sql=damage)

    outcome = reconcile(pipeline_settings)

    assert (outcome.ok, outcome.rows_differ) == (True, 3 + 2 + 2 + 1 + 1)
    assert outcome.repaired >= 2
    assert_equal(filled, writer)
    assert writer.value("traces", sql="SELECT count() FROM people WHERE user_key = 4000") == 0
    (erased,) = writer.rows(
        "erased", {"key": people[0]}, sql="SELECT * FROM people WHERE user_key = {key:UInt32}"
    )
    assert (erased["is_deleted"], erased["source"]) == (1, None)
    again = reconcile(pipeline_settings)
    assert (again.rows_differ, again.repaired, again.ok) == (0, 0, True)


def test_what_changes_during_the_comparison_is_no_difference(
    pipeline_settings: PipelineSettings, filled: Ledger
) -> None:
    with filled.connect() as open_transaction:
        # Holds the horizon back, so that later commits lie above the watermark.
        filled.add(turn(user=99), connection=open_transaction)
        filled.add(turn(user=98))
        first = filled.execute("SELECT id FROM turns ORDER BY id LIMIT 1")[0]["id"]
        filled.execute("UPDATE turns SET answer_chars = 1 WHERE id = %s", first)
        filled.execute(
            "DELETE FROM turns WHERE id = (SELECT id FROM turns ORDER BY id DESC LIMIT 1)"
        )
        filled.execute("UPDATE users SET language = 'de' WHERE key %% 2 = 0")
        filled.execute("DELETE FROM users WHERE key %% 5 = 0")
        filled.add_person()
        outcome = reconcile(pipeline_settings)
        assert (outcome.rows_differ, outcome.ok) == (0, True)
        open_transaction.rollback()


def test_the_checksum_covers_every_replicated_column() -> None:
    for table in REPLICATED:
        for name in ("days", "rows"):
            text = statement(f"replication/reconcile_{table.target}_{name}")
            for column in table.columns:
                assert f"{table.target[0]}.{table.renamed.get(column, column)}" in text


@pytest.mark.usefixtures("filled")
def test_a_backfill_of_unchanged_data_reports_no_difference(
    pipeline_settings: PipelineSettings,
) -> None:
    days = {"first": NOON.date() - timedelta(days=6), "last": NOON.date()}
    assert [backfill(pipeline_settings, **days).rows_differ for _ in range(2)] == [0, 0]


def test_by_hand_it_ends_with_one_line_of_json_and_says_whether_the_stores_agree(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.add(turn(), turn(at=NOON - timedelta(days=1)), turn(at=NOON - timedelta(days=9)))
    last = run(
        pipeline_settings,
        "-m",
        "pipelines.commands.reconcile",
        "--from",
        "2025-03-09",
        "--to",
        "2025-03-10",
    )
    assert list(last.items()) == [
        ("days", 2),
        ("turns", 2),
        ("rows_differ", 0),
        ("repaired", 0),
        ("ok", True),
    ]
