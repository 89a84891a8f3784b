"""A cycle killed after any step leaves readers a whole build and the next cycle equal stores."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from alembic import command

from pipelines.cycle import exclusive_run, run_cycle
from pipelines.settings import PipelineSection, PipelineSettings
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import alembic_config
from tests.pipelines.constants import ACTIVITY_BUILT, DATA_STORED, PAGE_RECORDED, PAGE_STORED, SCALE
from tests.pipelines.cycles import wait_for_the_dead
from tests.pipelines.ledger import Ledger, assert_equal, random_turn
from tests.pipelines.rollups.test_rollup import assert_exact, published
from warehouse.clickhouse import client
from warehouse.clickhouse.client import Writer
from warehouse.errors import WarehouseUnavailableError
from warehouse.settings import WarehouseSettings

PROJECT = Path(__file__).parents[3]

FIRST_CYCLE = ("epoch checkpoint written", "epoch opened", PAGE_STORED, PAGE_RECORDED)
EVERY_CYCLE = (
    "tombstones stored",
    PAGE_STORED,
    PAGE_RECORDED,
    DATA_STORED,
    "checkpoint written",
    "watermark stored",
    "batch recorded",
    "user_days built",
    "first_days built",
    ACTIVITY_BUILT,
    "daily built",
    "new_users built",
    "dialog_days built",
    "quarter_users built",
    "day_users built",
    "published",
    "collected",
)

KILLED_BY_DEFAULT = ("watermark stored", ACTIVITY_BUILT)


def start_cycle(
    pipeline_settings: PipelineSettings, step: str = "-", count: int = 1
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipelines.cycle_until", step, str(count)],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": pipeline_settings.database.libpq_url,
            "CLICKHOUSE_URL": pipeline_settings.warehouse.writer_url,
            "REPORT_TIMEZONE": pipeline_settings.report.report_timezone,
            "REPLICATION_PAGE_ROWS": "100",
            "SNAPSHOT_GRACE_SECONDS": "1",
        },
        stderr=subprocess.DEVNULL,
    )


def kill_after(pipeline_settings: PipelineSettings, step: str, count: int = 1) -> None:
    assert start_cycle(pipeline_settings, step, count).wait(timeout=200) == -signal.SIGKILL, step


def test_the_first_copy_continues_where_it_was_killed(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(6)
    ledger.add(*(random_turn(chance, days=3) for _ in range(450)))
    for step in FIRST_CYCLE:
        stop_after(stores_with(pipeline_settings, replication_page_rows=100), step)
    kill_after(pipeline_settings, PAGE_RECORDED, 2)
    # Three pages are recorded: the next cycle continues with the fourth, in the same epoch.
    with exclusive_run(pipeline_settings) as pipeline_run:
        batch = pipeline_run.replicate()
        pipeline_run.publish()
    assert batch.turns <= 250
    assert writer.value("epochs", sql="SELECT uniqExact(epoch) FROM turns") == 1
    assert_equal(ledger, writer)
    assert_exact(ledger, writer)


class StoppedError(BaseException):
    """Ends a cycle between two steps, connections and all, like a kill but in this process."""


def stop_after(pipeline_settings: PipelineSettings, name: str) -> None:
    def step(done: str) -> None:
        if done == name:
            raise StoppedError

    with pytest.raises(StoppedError):
        run_cycle(pipeline_settings, step=step)


def test_a_warehouse_killed_while_a_page_is_on_its_way_has_all_it_claims(
    pipeline_settings: PipelineSettings,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger.add(*(random_turn(random.Random(3), days=3) for _ in range(650)))
    server = ClickHouseProcess(tmp_path)
    send, pages = client._arrow_stream, 0

    def started() -> PipelineSettings:
        server.start()
        url = server.database("default").url
        command.upgrade(alembic_config("clickhouse", url), "head")
        own = replace(
            pipeline_settings, warehouse=WarehouseSettings.model_validate({"clickhouse_url": url})
        )
        return stores_with(own, replication_page_rows=100)

    def sent(rows: pa.Table) -> Iterator[memoryview]:
        nonlocal pages
        pages += 1
        for piece in send(rows):
            yield piece
            if pages == 4:
                server.signal(signal.SIGKILL)
                server.wait()

    monkeypatch.setattr(client, "_arrow_stream", sent)
    try:
        with pytest.raises(WarehouseUnavailableError):
            run_cycle(started())
        again = started()
        batch, _ = run_cycle(again)
        assert batch.turns == 350
        with Writer(again.warehouse) as writer:
            assert_equal(ledger, writer)
            assert_exact(ledger, writer)
    finally:
        server.stop()


@pytest.mark.parametrize("end", [stop_after, kill_after])
def test_ended_at_each_step_of_a_cycle_the_final_tables_are_equal(
    pipeline_settings: PipelineSettings,
    ledger: Ledger,
    writer: Writer,
    end: Callable[[PipelineSettings, str], None],
) -> None:
    # A kill costs a process start: a few steps by default, all of them in `make storm`.
    steps = EVERY_CYCLE if end is stop_after or SCALE > 1 else KILLED_BY_DEFAULT
    chance = random.Random(7)
    ledger.add(*(random_turn(chance, days=1, users=20) for _ in range(120)))
    small_pages = stores_with(pipeline_settings, replication_page_rows=100)
    run_cycle(small_pages)
    before = published(writer)
    for step in steps:
        added = ledger.add(*(random_turn(chance, days=1, users=20) for _ in range(105)))
        ledger.execute("DELETE FROM turns WHERE id = ANY(%s)", added[:3])
        end(small_pages, step)
        if step in {"published", "collected"}:
            assert_exact(ledger, writer)
        else:
            # Readers see the last whole build, not a part of the next.
            assert published(writer) == before, step
        before = published(writer)
    run_cycle(small_pages)
    assert_equal(ledger, writer)
    assert_exact(ledger, writer)


def stores_with(pipeline_settings: PipelineSettings, **settings: int) -> PipelineSettings:
    return PipelineSettings(
        database=pipeline_settings.database,
        warehouse=pipeline_settings.warehouse,
        pipelines=PipelineSection.model_validate({"snapshot_grace_seconds": 1, **settings}),
        report=pipeline_settings.report,
    )


def test_killed_at_random_moments_readers_see_only_whole_builds(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(9)
    ledger.add(*(random_turn(chance, days=2, users=20) for _ in range(60)))
    run_cycle(pipeline_settings)
    kills = int(5 * SCALE) if SCALE > 1 else 3
    states = [published(writer)]
    for _ in range(kills):
        ledger.add(*(random_turn(chance, days=2, users=20) for _ in range(5)))
        cycle = start_cycle(pipeline_settings)
        try:
            cycle.wait(timeout=chance.uniform(0.6, 2.5))
        except subprocess.TimeoutExpired:
            cycle.kill()
            cycle.wait()
            wait_for_the_dead(writer)
        found = published(writer)
        assert _totals(found)["people"] == _totals(found)["turns"]
        if found != states[-1]:
            # If something was published, it has all rows that existed when the cycle began.
            assert_exact(ledger, writer)
        states.append(found)
    run_cycle(pipeline_settings)
    assert_exact(ledger, writer)


def _totals(found: dict[str, dict[object, dict[str, int]]]) -> dict[str, int]:
    return {
        "turns": sum(day["turns"] for day in found["days"].values()),
        "people": sum(person["turns"] for person in found["people"].values()),
    }


@pytest.mark.parametrize("lost", ["echo", "warehouse"])
def test_a_database_restored_from_a_copy_starts_a_new_epoch(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer, lost: str
) -> None:
    chance = random.Random(10)
    ledger.add(*(random_turn(chance, days=2) for _ in range(50)))
    run_cycle(pipeline_settings)
    ledger.add(*(random_turn(chance, days=2) for _ in range(50)))
    run_cycle(pipeline_settings)
    if lost == "echo":
        # PostgreSQL as it was before any batch.
        ledger.execute("DELETE FROM replication_echo")
    else:
        writer.run("lose", sql="TRUNCATE TABLE watermarks")
    ledger.execute("DELETE FROM tombstones")
    ledger.execute("ALTER TABLE turns DISABLE TRIGGER record_tombstone")
    ledger.execute("DELETE FROM turns WHERE id = (SELECT id FROM turns LIMIT 1)")

    batch, publication = run_cycle(pipeline_settings)

    assert batch.kind == "resync"
    assert batch.epoch == 2
    assert publication is not None
    assert_equal(ledger, writer)
    assert_exact(ledger, writer)


def test_a_horizon_that_went_back_forces_a_resync(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(*(random_turn(random.Random(1), days=2) for _ in range(20)))
    run_cycle(pipeline_settings)
    # After a dump and restore into a new cluster the transaction ids start again.
    writer.run(
        "restore",
        sql="INSERT INTO watermarks SELECT * REPLACE (watermark + 1000000000 AS watermark,"
        " target + 1000000000 AS target) FROM watermarks"
        " ORDER BY watermark DESC, sequence DESC LIMIT 1",
    )
    ledger.add(*(random_turn(random.Random(2), days=2) for _ in range(20)))
    batch, _ = run_cycle(pipeline_settings)
    assert "horizon" in batch.reason
    assert batch.turns == 40
    assert_equal(ledger, writer)
    assert_exact(ledger, writer)
