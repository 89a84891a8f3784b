"""Sensors about runs: a failed one becomes a failed check, and a first load is compared at once."""

from datetime import UTC, datetime

import dagster as dg

from pipelines.rollups.checks import record_run
from pipelines.runtime.shutdown import last_stop
from pipelines.settings import PipelineSettings
from warehouse.clickhouse.client import Writer

LOOKED_AT_SECONDS = 30
MAX_RUNS = 100
"""The newest ended runs, among which each job's latest is looked for."""
ENDED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
FAILURE_REASON = "dagster/failure_reason"
INTERRUPTED, NOT_STARTED_IN_TIME = "UNEXPECTED_TERMINATION", "START_TIMEOUT"
ENDED_BY = "dialytics/ended_by"
STOP = "stop"
"""The value of `ENDED_BY` of a run that ended because its code server did."""


def run_sensors(
    settings: PipelineSettings, nightly: dg.JobDefinition, *, started_at: datetime | None = None
) -> list[dg.SensorDefinition]:
    """The one that records how runs ended, and the one that starts the first comparison.

    `started_at`: when this code server started.
    """
    server_start = (started_at or datetime.now(UTC)).timestamp()

    @dg.sensor(
        name="run_results",
        minimum_interval_seconds=LOOKED_AT_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Stores as a check of each job whether its latest run failed, for the page."
        " Runs that ended because Dagster was stopped do not count.",
    )
    def run_results(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        records = context.instance.get_run_records(
            ENDED, limit=MAX_RUNS, order_by="update_timestamp", ascending=False
        )
        newest = records[0].update_timestamp.isoformat() if records else ""
        if newest == (context.cursor or ""):
            return dg.SkipReason("no run has ended since")
        latest: dict[str, dg.DagsterRun] = {}
        for record in records:
            if _was_stopped(context.instance, record, server_start):
                # It says nothing about the job, which the next run does again.
                continue
            latest.setdefault(record.dagster_run.job_name, record.dagster_run)
        with Writer(settings.warehouse) as writer:
            for job, run in latest.items():
                record_run(writer, job=job, run_id=run.run_id, succeeded=run.is_success)
        context.update_cursor(newest)
        return dg.SkipReason(f"{len(latest)} jobs looked at")

    @dg.sensor(
        name="first_comparison",
        job=nightly,
        minimum_interval_seconds=LOOKED_AT_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Compares everything with PostgreSQL as soon as a first load is published.",
    )
    def first_comparison() -> dg.RunRequest | dg.SkipReason:
        with Writer(settings.warehouse) as writer:
            if writer.value("comparisons", sql="SELECT count() FROM reconciliation"):
                return dg.SkipReason("stores have been compared before")
            epoch = writer.value("epoch", sql="SELECT max(epoch) FROM published")
        if not epoch:
            return dg.SkipReason("nothing is published yet")
        return dg.RunRequest(run_key=f"first comparison of epoch {epoch}")

    return [run_results, first_comparison]


def _was_stopped(instance: dg.DagsterInstance, record: dg.RunRecord, server_start: float) -> bool:
    """Whether a run failed only because its process was ended with the code server.

    Dagster calls such a run failed, at once or when its monitor misses the process. A tag keeps the
    verdict, as it depends on which start and stop was the last one.
    """
    run = record.dagster_run
    if run.is_success:
        return False
    if run.tags.get(ENDED_BY) == STOP:
        return True
    began = record.start_time or record.create_timestamp.timestamp()
    ended = record.end_time or record.update_timestamp.timestamp()
    stopped, reason = last_stop(), run.tags.get(FAILURE_REASON)
    if not (
        reason == INTERRUPTED
        or (began < server_start <= ended and reason in (None, NOT_STARTED_IN_TIME))
        or (stopped is not None and began < stopped <= ended)
    ):
        return False
    instance.add_run_tags(run.run_id, {ENDED_BY: STOP})
    return True
