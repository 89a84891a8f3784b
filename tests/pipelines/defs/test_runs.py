"""A run that ended because Dagster was stopped is no failed check; one that failed is."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from pipelines.defs.runs import ENDED_BY, STOP, run_sensors
from pipelines.runtime.shutdown import HOME, STOPPED
from pipelines.settings import PipelineSettings
from warehouse.clickhouse.client import Writer

FAILED = "SELECT asset FROM checks WHERE suite = 'runs' AND NOT passed ORDER BY asset"


@dg.op
def interrupted() -> None:
    """Like a run whose process is told to end: Dagster turns SIGTERM into this."""
    os.kill(os.getpid(), signal.SIGINT)


@dg.op
def failing() -> None:
    raise ValueError("a fault")


def job(name: str, op: dg.OpDefinition) -> dg.JobDefinition:
    return dg.GraphDefinition(name=name, node_defs=[op]).to_job()


def test_runs_that_ended_with_dagster_are_no_failures(
    pipeline_settings: PipelineSettings,
    writer: Writer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:

        def start(name: str) -> dg.DagsterRun:
            return instance.create_run_for_job(
                job(name, failing), status=dg.DagsterRunStatus.STARTED
            )

        def end(run: dg.DagsterRun) -> None:
            """As the code server or Dagster's monitor does when the process is gone."""
            time.sleep(0.02)
            instance.report_run_failed(run, "Its process is gone.")

        for name, op in (("interrupted", interrupted), ("failed", failing)):
            job(name, op).execute_in_process(instance=instance, raise_on_error=False)
        end(start("died_while_Dagster_went_on"))
        survived = start("found_dead_after_a_start")
        time.sleep(0.02)
        [sensor, _] = run_sensors(
            pipeline_settings, job("nightly", failing), started_at=datetime.now(UTC)
        )
        end(survived)
        cut = start("cut_at_a_stop")
        time.sleep(0.02)
        (tmp_path / STOPPED).touch()
        end(cut)

        sensor(dg.build_sensor_context(instance=instance))
        failed = [row["asset"] for row in writer.rows("failed", sql=FAILED)]
        assert failed == ["died_while_Dagster_went_on", "failed"]
        tagged = instance.get_runs(dg.RunsFilter(tags={ENDED_BY: STOP}))
        assert len(tagged) == 3
