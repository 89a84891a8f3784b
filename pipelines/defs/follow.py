"""The run that follows new data, and the sensor that keeps one alive while there is any."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from common.tracing import flush_traces
from pipelines.defs.jobs import in_process
from pipelines.defs.materializations import Reporter
from pipelines.follow import Follower, reason_to_follow
from pipelines.settings import PipelineSettings

FOLLOW_JOB = "follow"
FOLLOWS = {"dialytics/follows": "true"}
"""At most one run with this tag is started."""
STARTING = timedelta(minutes=2)
"""How long a run may be queued or starting before it counts as lost."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def follow_job(
    settings: PipelineSettings, *, first_day: date, log: dg.LoggerDefinition
) -> dg.JobDefinition:
    """Cycles until it is quiet: replicate, rebuild what changed, publish."""

    @dg.op(
        description="Watches PostgreSQL. Whenever something was committed, it copies the new rows"
        " to ClickHouse, rebuilds the days they touch, and publishes them; it ends after a quiet"
        " while.",
        out=dg.Out(dg.Nothing),
    )
    def follow_new_data(context: dg.OpExecutionContext) -> None:
        reporter = Reporter(context.log_event, first_day=first_day)
        try:
            followed = Follower(
                settings,
                on_cycle=reporter.cycle,
                on_pause=reporter.report,
            ).run()
        finally:
            reporter.finish()
            flush_traces()
        context.log.info("%s cycles, %s rows", followed.cycles, followed.rows)

    @dg.job(
        name=FOLLOW_JOB,
        tags=FOLLOWS,
        **in_process(log),
        description="Keeps the figures current, a few seconds behind the bot: copies what is new"
        " from PostgreSQL, rebuilds the days it touches, and publishes them. The sensor new_data"
        " starts it; one run works for as long as messages arrive.",
    )
    def follow() -> None:
        follow_new_data()

    return follow


def new_data_sensor(settings: PipelineSettings, job: dg.JobDefinition) -> dg.SensorDefinition:
    """Starts a follower when something is new and none is alive."""

    @dg.sensor(
        job=job,
        name="new_data",
        minimum_interval_seconds=settings.pipelines.cycle_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a run of the job follow when PostgreSQL has rows that were not copied"
        " yet and no such run is alive. Switched off, all figures stay as they are.",
    )
    def sense(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if not reason_to_follow(settings):
            return dg.SkipReason("nothing new, or a run follows it already")
        unfinished = _unfinished(context.instance)
        # A living follower holds its lock in PostgreSQL, and none does. A run that was seen so
        # at the last look too has died without a word.
        silent = {run_id for run_id, starting in unfinished.items() if not starting}
        seen_before = set((context.cursor or "").split())
        context.update_cursor(" ".join(sorted(silent)))
        for run_id in silent & seen_before:
            _declare_dead(context.instance, run_id)
        if unfinished.keys() - (silent & seen_before):
            return dg.SkipReason("a run is starting or ending")
        return dg.RunRequest()

    return sense


def _unfinished(instance: dg.DagsterInstance) -> dict[str, bool]:
    """Runs of the job that did not end, and whether each may still be starting."""
    now = datetime.now(UTC)
    records = instance.get_run_records(dg.RunsFilter(job_name=FOLLOW_JOB, statuses=UNFINISHED))
    return {
        record.dagster_run.run_id: now - record.create_timestamp < STARTING for record in records
    }


def _declare_dead(instance: dg.DagsterInstance, run_id: str) -> None:
    run = instance.get_run_by_id(run_id)
    if run is not None:
        instance.report_run_failed(run, "The run ended without saying so; a new one takes over.")
