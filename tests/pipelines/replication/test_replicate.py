"""Replication on real databases copies every row and change, and adds nothing."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from pipelines.commands.reconcile import reconcile
from pipelines.cycle import exclusive_run, run_cycle
from pipelines.errors import BusyError, SchemaDriftError, SourceError
from pipelines.rollups.checks import record_lag
from pipelines.settings import PipelineSection, PipelineSettings
from pipelines.source.columns import TURNS
from pipelines.source.postgres import APPLICATION
from tests.clickhouse_process import ClickHouseProcess
from tests.on_disk import files_with
from tests.pipelines.constants import DATA_STORED, PAGE_RECORDED, PAGE_STORED
from tests.pipelines.ledger import (
    NOON,
    Ledger,
    assert_equal,
    random_turn,
    source_rows,
    turn,
    warehouse_rows,
)
from warehouse.clickhouse.client import Writer


def test_a_batch_moves_every_column_of_turns_and_people(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(1)
    ledger.add(*(random_turn(chance) for _ in range(200)), turn(status="pending"))
    ledger.add_person(language=None, source="ads")

    batch, publication = run_cycle(pipeline_settings)

    assert (batch.turns, batch.people, batch.kind) == (200, 1, "resync")
    assert publication is not None
    assert publication.withheld == ()
    assert_equal(ledger, writer)


def test_a_turn_that_is_not_counted_leaves_its_person_in_postgresql(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    person = ledger.add_person(source="ads")
    counted, uncounted = turn(user=person), turn(user=person, is_counted=False)
    ledger.add(counted, uncounted)
    rating = ledger.rate(uncounted, user=person)
    ledger.execute("UPDATE feedback SET is_counted = false WHERE id = %s", rating)

    run_cycle(pipeline_settings)

    rows = writer.rows("t", sql="SELECT user_key, is_person FROM turns ORDER BY user_key")
    assert [tuple(row.values()) for row in rows] == [(0, False), (person, True)]
    assert writer.value("f", sql="SELECT user_key FROM feedback") == 0
    [day] = writer.rows(
        "d", sql="SELECT sum(turns) AS turns, sum(uncounted_turns) AS uncounted FROM daily"
    )
    assert tuple(day.values()) == (2, 1)
    people = writer.value("p", sql="SELECT groupBitmapMerge(active) FROM activity")
    assert people == 1
    assert_equal(ledger, writer)
    outcome = reconcile(pipeline_settings)
    assert (outcome.rows_differ, outcome.ok) == (0, True)


def test_verdicts_follow_and_every_snapshot_keeps_its_own(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    rated = turn()
    ledger.add(rated)
    mine, others = ledger.rate(rated, user=1), ledger.rate(rated, user=2, verdict=-1)
    first, _ = run_cycle(pipeline_settings)
    assert first.feedback == 2

    # Nothing but verdicts: they are published all the same.
    ledger.execute("UPDATE feedback SET verdict = -1 WHERE id = %s", mine)
    ledger.execute("DELETE FROM feedback WHERE id = %s", others)
    second, publication = run_cycle(pipeline_settings)

    assert (second.turns, second.feedback, second.tombstones) == (0, 1, 1)
    assert publication is not None
    assert publication.watermark == second.until_version
    assert_equal(ledger, writer)
    states = writer.rows(
        "states", sql="SELECT verdict, is_deleted FROM feedback FINAL ORDER BY user_key, version"
    )
    assert [tuple(row.values()) for row in states] == [(1, 0), (-1, 0), (-1, 0), (-1, 1)]


def test_events_follow_without_the_person_who_is_not_counted(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn())
    gone = ledger.happen("command", "usage")
    ledger.happen("blocked", language=None)
    first, _ = run_cycle(pipeline_settings)
    assert first.user_events == 2

    # Nothing but events: they are published all the same.
    ledger.execute("DELETE FROM user_events WHERE id = %s", gone)
    ledger.happen("unblocked", is_counted=False)
    second, publication = run_cycle(pipeline_settings)

    assert (second.turns, second.user_events, second.tombstones) == (0, 1, 1)
    assert publication is not None
    assert publication.watermark == second.until_version
    assert_equal(ledger, writer)
    rows = writer.rows(
        "events",
        sql="SELECT kind, user_key, is_deleted FROM user_events FINAL ORDER BY kind, is_deleted",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("blocked", 1, 0), ("command", 1, 0), ("command", 1, 1), ("unblocked", 0, 0),
    ]  # fmt: skip
    outcome = reconcile(pipeline_settings)
    assert (outcome.rows_differ, outcome.ok) == (0, True)


def test_a_row_updated_five_times_in_a_cycle_is_one_row_the_last(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    (key,) = ledger.add(turn(status="pending"))
    run_cycle(pipeline_settings)
    for answer_chars in range(5):
        ledger.execute(
            "UPDATE turns SET status = 'answered', answer_chars = %s WHERE id = %s",
            answer_chars,
            key,
        )
    batch, _ = run_cycle(pipeline_settings)
    assert batch.turns == 1
    assert_equal(ledger, writer)
    assert writer.value("sum", sql="SELECT answer_chars FROM turns FINAL") == 4


def test_rows_of_a_long_transaction_arrive_after_its_commit_and_the_lag_names_it(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    with ledger.connect() as slow:
        ledger.add(turn(user=1), connection=slow)
        ledger.add(turn(user=2))
        held, _ = run_cycle(pipeline_settings)
        assert held.turns == 0
        assert held.replication_lag_seconds > 0
        slow.commit()
    batch, _ = run_cycle(pipeline_settings)
    assert batch.turns == 2
    assert_equal(ledger, writer)


def test_a_long_transaction_raises_an_alert_that_names_it(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    impatient = PipelineSettings(
        database=pipeline_settings.database,
        warehouse=pipeline_settings.warehouse,
        pipelines=PipelineSection.model_validate({"replication_alert_seconds": 1}),
        report=pipeline_settings.report,
    )
    with ledger.connect() as slow:
        ledger.add(turn(user=1), connection=slow)
        holder = slow.info.backend_pid
        time.sleep(1.2)
        run_cycle(impatient)
        slow.commit()
    (alert,) = writer.rows("alert", sql="SELECT * FROM checks WHERE name = 'replication_lag'")
    assert not alert["passed"]
    assert "idle in transaction" in alert["observed"]
    held = writer.value("batch", sql="SELECT held_by FROM batches")
    assert f"pid {holder}," in held


def test_a_lag_that_is_over_is_seen_to_be_over(writer: Writer) -> None:
    for lag_seconds, is_late in ((0.1, False), (9, True), (9, True), (0.1, False), (0.1, False)):
        late = record_lag(writer, lag_seconds=lag_seconds, blocked_by="", alert_seconds=5)
        assert late == is_late
    stored = writer.rows(
        "stored", sql="SELECT passed FROM checks WHERE name = 'replication_lag' ORDER BY checked_at"
    )
    assert [row["passed"] for row in stored] == [False, False, True]


def test_what_is_erased_is_in_no_file_of_the_warehouse(
    pipeline_settings: PipelineSettings,
    ledger: Ledger,
    writer: Writer,
    clickhouse_server: ClickHouseProcess,
) -> None:
    marker = f"marker{uuid4().hex}"
    person = ledger.add_person(source=marker)
    ledger.add(turn(user=person))
    run_cycle(pipeline_settings)
    before = writer.rows("totals", sql="SELECT sum(turns), sum(cost_usd) FROM daily")
    ledger.execute("DELETE FROM users WHERE key = %s", person)
    run_cycle(pipeline_settings)
    assert writer.value("people", sql="SELECT count() FROM people FINAL") == 0
    assert writer.rows("totals", sql="SELECT sum(turns), sum(cost_usd) FROM daily") == before
    deadline = time.monotonic() + 120
    stored = clickhouse_server.directory / "clickhouse"
    while files_with(stored, marker.encode())[marker.encode()]:
        assert time.monotonic() < deadline, "the marker is still on disk"
        time.sleep(1)


def test_rows_that_commit_out_of_order_are_all_moved(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    with ledger.connect() as first, ledger.connect() as second:
        ledger.add(turn(user=1), connection=first)
        ledger.add(turn(user=2), connection=second)
        second.commit()
        run_cycle(pipeline_settings)
        first.commit()
        run_cycle(pipeline_settings)
        ledger.add(turn(user=3), connection=first)
        first.rollback()
    run_cycle(pipeline_settings)
    assert_equal(ledger, writer)
    assert len(warehouse_rows(writer, TURNS)) == 2


def test_a_hard_delete_is_gone_in_the_next_cycle_and_a_returning_id_is_back(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    kept, gone, back = ledger.add(turn(), turn(user=2), turn(user=3))
    person = ledger.add_person()
    run_cycle(pipeline_settings)
    ledger.execute("DELETE FROM turns WHERE id = ANY(%s)", [gone, back])
    ledger.execute("DELETE FROM users WHERE key = %s", person)
    ledger.add(turn(user=3) | {"id": back})
    batch, publication = run_cycle(pipeline_settings)
    assert batch.tombstones == 3
    assert set(warehouse_rows(writer, TURNS)) == {str(kept), str(back)}
    assert_equal(ledger, writer)
    assert publication is not None
    assert publication.turns == 2


def test_a_row_deleted_and_written_again_by_one_transaction_stays(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    (key,) = ledger.add(turn())
    run_cycle(pipeline_settings)
    with ledger.connect() as connection:
        connection.execute("DELETE FROM turns WHERE id = %s", [key])
        ledger.add(turn(answer_chars=99) | {"id": key}, connection=connection)
        connection.commit()
    run_cycle(pipeline_settings)
    assert_equal(ledger, writer)
    assert set(warehouse_rows(writer, TURNS)) == {str(key)}


def test_a_window_moved_three_times_changes_nothing(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(5)
    pipeline_settings = with_pages_of(pipeline_settings, 100)
    ledger.add(*(random_turn(chance, days=7) for _ in range(240)))
    run_cycle(pipeline_settings)
    before = warehouse_rows(writer, TURNS)
    for _ in range(3):
        writer.run(
            "rewind",
            sql="INSERT INTO watermarks SELECT * REPLACE (sequence + 1 AS sequence)"
            " FROM watermarks WHERE watermark = 0 ORDER BY sequence LIMIT 1",
        )
        writer.run(
            "rewind",
            sql="ALTER TABLE watermarks DELETE WHERE watermark > 0 SETTINGS mutations_sync=2",
        )
        ledger.execute("UPDATE replication_echo SET previous_batch_id = %s", _first_batch(writer))
        with exclusive_run(pipeline_settings) as pipeline_run:
            assert pipeline_run.replicate().kind == "resync"
            days = [NOON.date() - timedelta(days=shift) for shift in range(8)]
            assert pipeline_run.rollups.rebuild(pipeline_run.state(), days).rows_differ == 0
        assert warehouse_rows(writer, TURNS) == before
    assert_equal(ledger, writer)


def pages_are_recorded_after_they_are_stored(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer, *, rows: int, begins: str
) -> None:
    chance = random.Random(rows)
    ledger.add(*(random_turn(chance, days=2) for _ in range(rows)))
    steps: list[str] = []

    batch, _ = run_cycle(with_pages_of(pipeline_settings, 100), step=steps.append)

    whole, rest = divmod(rows, 100)
    moved = [PAGE_STORED, PAGE_RECORDED] * whole + [PAGE_STORED] * bool(rest)
    assert steps[steps.index(begins) + 1 : steps.index(DATA_STORED)] == moved
    assert batch.turns == rows
    assert_equal(ledger, writer)


SIZES = (0, 1, 99, 100, 101, 200, 201)


def test_every_whole_page_is_recorded_after_it_is_stored(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    begins = "epoch opened"
    for rows in (201, *SIZES):
        pages_are_recorded_after_they_are_stored(
            pipeline_settings, ledger, writer, rows=rows, begins=begins
        )
        begins = "tombstones stored"


@pytest.mark.long
@pytest.mark.parametrize("rows", SIZES)
def test_every_whole_page_of_a_first_copy_is_recorded_after_it_is_stored(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer, rows: int
) -> None:
    begins = "epoch opened"
    pages_are_recorded_after_they_are_stored(
        pipeline_settings, ledger, writer, rows=rows, begins=begins
    )


def test_a_source_that_breaks_between_pages_says_so_and_stored_pages_are_kept(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(3)
    ledger.add(*(random_turn(chance, days=2) for _ in range(1_000)))

    def break_reading(done: str) -> None:
        if done == PAGE_RECORDED:
            ledger.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                # PostgreSQL shows the first 1,024 characters of a statement.
                " WHERE datname = current_database() AND query LIKE '%%user_messages%%'"
                " AND application_name <> %s AND pid <> pg_backend_pid()",
                APPLICATION,
            )

    small_pages = with_pages_of(pipeline_settings, 100)
    with pytest.raises(SourceError):
        run_cycle(small_pages, step=break_reading)
    stored = len(warehouse_rows(writer, TURNS))
    assert 100 <= stored < 1_000
    last = writer.rows("last", sql="SELECT * FROM watermarks ORDER BY sequence DESC LIMIT 1")[0]
    assert (last["page_table"], last["watermark"]) == ("turns", 0)

    batch, _ = run_cycle(small_pages)

    assert batch.turns == 1_000 - stored
    assert batch.epoch == last["epoch"]
    assert_equal(ledger, writer)


def with_pages_of(pipeline_settings: PipelineSettings, rows: int) -> PipelineSettings:
    return replace(
        pipeline_settings,
        pipelines=pipeline_settings.pipelines.model_copy(update={"replication_page_rows": rows}),
    )


def _first_batch(writer: Writer) -> object:
    return writer.value(
        "first batch", sql="SELECT batch_id FROM watermarks ORDER BY sequence LIMIT 1"
    )


def test_an_added_column_is_ignored_and_a_dropped_one_refuses_before_moving(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn())
    ledger.execute("ALTER TABLE turns ADD COLUMN mood text")
    run_cycle(pipeline_settings)
    ledger.add(turn(user=2))
    ledger.execute("ALTER TABLE turns RENAME COLUMN cost_usd TO cost")
    with pytest.raises(SchemaDriftError, match=r"turns\.cost_usd is missing"):
        run_cycle(pipeline_settings)
    assert writer.value("turns", sql="SELECT count() FROM turns FINAL") == 1
    ledger.execute("ALTER TABLE turns RENAME COLUMN cost TO cost_usd")
    run_cycle(pipeline_settings)
    assert_equal(ledger, writer)


def test_a_column_of_another_type_refuses_too(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.execute("ALTER TABLE turns ALTER COLUMN user_chars TYPE bigint")
    with pytest.raises(SchemaDriftError, match=r"turns\.user_chars is bigint, expected integer"):
        run_cycle(pipeline_settings)


def test_a_second_cycle_does_not_run_beside_the_first(pipeline_settings: PipelineSettings) -> None:
    with exclusive_run(pipeline_settings):
        impatient = PipelineSettings(
            database=pipeline_settings.database,
            warehouse=pipeline_settings.warehouse,
            pipelines=PipelineSection.model_validate({"lock_wait_seconds": 0.1}),
            report=pipeline_settings.report,
        )
        with pytest.raises(BusyError):
            run_cycle(impatient)


def test_a_turn_is_never_moved_to_another_moment_person_or_dialog(ledger: Ledger) -> None:
    (key,) = ledger.add(turn())
    for change in (
        "received_at = now()",
        "user_key = 2",
        "dialog_id = gen_random_uuid()",
        "status = 'pending'",
    ):
        with pytest.raises(psycopg.errors.IntegrityError, match="never change"):
            ledger.execute(f"UPDATE turns SET {change} WHERE id = %s", key)


def test_several_pages_with_updates_and_deletes_between_cycles_stay_equal(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(11)
    for _ in range(4):
        ledger.add(*(random_turn(chance, days=7) for _ in range(70)))
        ids = list(source_rows(ledger, TURNS))
        for key in chance.sample(ids, 20):
            ledger.execute("UPDATE turns SET answer_chars = %s WHERE id = %s", 1, key)
        for key in chance.sample(ids, 10):
            ledger.execute("DELETE FROM turns WHERE id = %s", key)
        run_cycle(with_pages_of(pipeline_settings, 50))
        assert_equal(ledger, writer)
