"""Periodic jobs: expectations every quarter of an hour, reconciliation and retention at night."""

import dagster as dg

from pipelines.commands.reconcile import reconcile
from pipelines.cycle import exclusive_run
from pipelines.defs.assets import MOVES_DATA, RETRIES
from pipelines.defs.jobs import in_process
from pipelines.defs.quality import RangeToCheck, op_name
from pipelines.quality.names import CHECKS
from pipelines.quality.retention import apply_retention
from pipelines.settings import PipelineSettings

QUALITY_JOB = "quality"
HEAVY = {"dialytics/heavy": "true"}
"""Runs with this tag take memory; one at a time."""


def nightly_job(settings: PipelineSettings, *, log: dg.LoggerDefinition) -> dg.JobDefinition:
    """Compare everything with PostgreSQL, repair, compact, apply retention."""

    @dg.op(
        description="Counts every day in PostgreSQL and in ClickHouse, compares turns, tokens, cost"
        " and people, and copies again what differs.",
        out=dg.Out(dg.Nothing),
        retry_policy=RETRIES,
    )
    def reconcile_everything(context: dg.OpExecutionContext) -> None:
        outcome = reconcile(settings)
        context.add_output_metadata({name: getattr(outcome, name) for name in outcome.__slots__})
        if not outcome.ok:
            raise dg.Failure(f"still different after the repair: {outcome.line()}")

    @dg.op(
        description="Days that were published one by one lie in many small parts. Puts the days of"
        " a month into one build again, which keeps reading quick. No figure changes.",
        ins={"reconciled": dg.In(dg.Nothing)},
        out=dg.Out(dg.Nothing),
        retry_policy=RETRIES,
    )
    def gather_scattered_days(context: dg.OpExecutionContext) -> None:
        with exclusive_run(settings) as pipeline_run:
            context.add_output_metadata({"days": pipeline_run.compact()})

    @dg.op(
        description="Erases texts, payloads and records that are older than their retention"
        " settings allow. Figures stay.",
        ins={"gathered": dg.In(dg.Nothing)},
        out=dg.Out(dg.Nothing),
        retry_policy=RETRIES,
    )
    def erase_what_is_old(context: dg.OpExecutionContext) -> None:
        erased = apply_retention(settings)
        context.add_output_metadata({name: getattr(erased, name) for name in erased.__slots__})

    @dg.job(
        name="nightly",
        tags={**MOVES_DATA, **HEAVY},
        **in_process(log),
        description="Once a night: compares all days with PostgreSQL and repairs what differs, puts"
        " scattered days together, erases what is past its retention.",
    )
    def nightly() -> None:
        erase_what_is_old(gather_scattered_days(reconcile_everything()))

    return nightly


def schedules(settings: PipelineSettings) -> list[dg.ScheduleDefinition]:
    """When the periodic jobs run, in the report zone."""
    everything = dg.RunConfig(ops={op_name(asset): RangeToCheck(days=0) for asset in CHECKS})
    return [
        dg.ScheduleDefinition(
            name=name,
            job_name=job,
            cron_schedule=cron,
            run_config=config,
            description=description,
            execution_timezone=settings.report.report_timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        for name, job, cron, config, description in (
            (
                "quality_every_quarter_hour",
                QUALITY_JOB,
                "*/15 * * * *",
                None,
                "Checks the figures of the last days, four times an hour.",
            ),
            (
                "quality_every_night",
                QUALITY_JOB,
                "40 3 * * *",
                everything,
                "Checks the figures of all days, after the nightly comparison with PostgreSQL.",
            ),
            (
                "reconcile_every_night",
                "nightly",
                "10 3 * * *",
                None,
                "Starts the job nightly at 03:10 of REPORT_TIMEZONE, when few people write.",
            ),
            (
                "prune_every_night",
                "prune",
                "25 4 * * *",
                None,
                "Deletes old runs of Dagster itself, so that its database stays small.",
            ),
        )
    ]
