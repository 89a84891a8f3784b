"""The follower retries transient errors with growing pauses, and raises all others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.storage.runs.schema import RunsTable

from pipelines.cycle import run_cycle
from pipelines.definitions import build_definitions
from pipelines.defs.follow import STARTING
from pipelines.errors import BusyError, LockLostError, SchemaDriftError
from pipelines.follow import ATTEMPTS, Follower
from pipelines.settings import PipelineSection, PipelineSettings
from pipelines.source.postgres import Source
from tests.pipelines.constants import ACTIVITY_BUILT, DATA_STORED, FIRST_DAY
from tests.pipelines.ledger import Ledger, assert_equal, turn
from tests.pipelines.rollups.test_rollup import assert_exact, published
from warehouse.clickhouse.client import Writer
from warehouse.errors import WarehouseUnavailableError
from warehouse.settings import WarehouseSettings


@pytest.fixture
def brisk(pipeline_settings: PipelineSettings) -> PipelineSettings:
    """Settings of a follower that waits for no lock and ends as soon as it is idle."""
    settings = {"cycle_seconds": 1, "follow_idle_seconds": 0, "lock_wait_seconds": 0}
    return replace(pipeline_settings, pipelines=PipelineSection.model_validate(settings))


def follower(pipeline_settings: PipelineSettings, sleep: Callable[[float], None]) -> Follower:
    return Follower(pipeline_settings, on_cycle=lambda *_: None, sleep=sleep)


def test_a_busy_lock_is_tried_again_with_growing_pauses_until_it_is_free(
    brisk: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn())
    pauses: list[float] = []
    with Source(brisk.database.libpq_url) as other:
        other.lock(wait_seconds=0)
        [holder] = [row["pid"] for row in other.rows("SELECT pg_backend_pid() AS pid")]

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                other.close()
                # Its session ends, and lets go of the lock, a moment later.
                while ledger.execute("SELECT FROM pg_stat_activity WHERE pid = %s", holder):
                    time.sleep(0.02)

        followed = follower(brisk, sleep).run()
    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert (followed.cycles, followed.rows) == (1, 1)
    assert_equal(ledger, writer)


def test_a_warehouse_that_stays_away_fails_the_run_after_the_last_attempt(
    brisk: PipelineSettings,
) -> None:
    nowhere = WarehouseSettings.model_validate({"clickhouse_url": "http://127.0.0.1:9/d"})
    pauses: list[float] = []
    with pytest.raises(WarehouseUnavailableError):
        follower(replace(brisk, warehouse=nowhere), pauses.append).run()
    assert pauses == [2.0**number for number in range(ATTEMPTS - 1)]


def test_drift_of_the_schema_is_not_tried_again(brisk: PipelineSettings, ledger: Ledger) -> None:
    ledger.add(turn())
    ledger.execute("ALTER TABLE turns RENAME COLUMN cost_usd TO cost")
    pauses: list[float] = []
    with pytest.raises(SchemaDriftError):
        follower(brisk, pauses.append).run()
    assert pauses == []


def test_only_one_follower_lives(brisk: PipelineSettings) -> None:
    with Source(brisk.database.libpq_url) as other:
        other.become_follower()
        with pytest.raises(BusyError, match="another run"):
            follower(brisk, lambda _: None).run()


def test_a_cycle_whose_lock_is_lost_publishes_nothing_and_the_next_is_exact(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn())
    run_cycle(pipeline_settings)
    before = published(writer)
    watermark = writer.value("watermark", sql="SELECT max(watermark) FROM watermarks")
    for step in (DATA_STORED, ACTIVITY_BUILT):
        ledger.add(turn(user=2))

        def end_the_session(done: str, *, at: str = step) -> None:
            if done == at:
                ledger.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                    " AND database = (SELECT oid FROM pg_database"
                    " WHERE datname = current_database())"
                )

        with pytest.raises(LockLostError):
            run_cycle(pipeline_settings, step=end_the_session)
        assert published(writer) == before
        if step == DATA_STORED:
            assert writer.value("w", sql="SELECT max(watermark) FROM watermarks") == watermark
    run_cycle(pipeline_settings)
    assert_equal(ledger, writer)
    assert_exact(ledger, writer)


def test_a_run_that_died_without_a_word_is_declared_dead_and_another_is_started(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.add(turn())
    definitions = build_definitions(pipeline_settings, first_day=FIRST_DAY)
    sensor = definitions.get_repository_def().get_sensor_def("new_data")
    job = definitions.resolve_job_def("follow")
    with dg.DagsterInstance.ephemeral() as instance:
        silent = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        long_ago = datetime.now(UTC) - 2 * STARTING
        with instance.run_storage.connect() as connection:
            connection.execute(RunsTable.update().values(create_timestamp=long_ago))
        # It may be about to end: only a second look in the same state tells.
        first = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
        assert not first.run_requests
        again = sensor.evaluate_tick(
            dg.build_sensor_context(instance=instance, cursor=first.cursor)
        )
        assert len(again.run_requests or []) == 1
        deleted = instance.get_run_by_id(silent.run_id)
        assert deleted is not None
        assert deleted.status == dg.DagsterRunStatus.FAILURE
