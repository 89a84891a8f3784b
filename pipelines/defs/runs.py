"""Sensors about runs: a failed one becomes a failed check, and a first load is compared at once."""

import dagster as dg

from pipelines.rollups.checks import record_run
from pipelines.settings import PipelineSettings
from warehouse.clickhouse.client import Writer

LOOKED_AT_SECONDS = 30
MAX_RUNS = 100
"""The newest ended runs, among which each job's latest is looked for."""
ENDED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])


def run_sensors(settings: PipelineSettings, nightly: dg.JobDefinition) -> list[dg.SensorDefinition]:
    """The one that records how runs ended, and the one that starts the first comparison."""

    @dg.sensor(
        name="run_results",
        minimum_interval_seconds=LOOKED_AT_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Stores as a check of each job whether its latest run failed, for the page.",
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
