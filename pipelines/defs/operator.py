"""The jobs that write to the operator, and when they run. Off until a chat is named."""

from datetime import UTC, datetime

import dagster as dg

from pipelines.defs.assets import RETRIES
from pipelines.operator.alerts import send_notices
from pipelines.operator.digest import send_digest, yesterday
from pipelines.settings import PipelineSettings


def digest_job(settings: PipelineSettings, *, log: dg.LoggerDefinition) -> dg.JobDefinition:
    """Write yesterday's digest into the outbox."""

    @dg.op(
        description="Writes yesterday's figures as one message into the outbox of PostgreSQL; the"
        " bot sends it. A second run for the same day writes nothing.",
        out=dg.Out(dg.Nothing),
        retry_policy=RETRIES,
    )
    def write_digest(context: dg.OpExecutionContext) -> None:
        day = yesterday(settings, datetime.now(UTC))
        is_new = send_digest(settings, day)
        context.add_output_metadata({"day": str(day), "written": is_new})

    @dg.job(
        name="digest",
        executor_def=dg.in_process_executor,
        logger_defs={"console": log},
        config={"loggers": {"console": {}}},
        description="The operator's morning message in Telegram: yesterday's users, messages, cost"
        " and failures beside the day before.",
    )
    def digest() -> None:
        write_digest()

    return digest


def notices_job(settings: PipelineSettings, *, log: dg.LoggerDefinition) -> dg.JobDefinition:
    """Write what is unusual or wrong now into the outbox."""

    @dg.op(
        description="Compares the last whole hours with the same weekday and hour of the"
        " weeks before, looks for problems of the pipelines, writes each new one into the outbox.",
        out=dg.Out(dg.Nothing),
        retry_policy=RETRIES,
    )
    def write_notices(context: dg.OpExecutionContext) -> None:
        context.add_output_metadata({"written": send_notices(settings, datetime.now(UTC))})

    @dg.job(
        name="notices",
        executor_def=dg.in_process_executor,
        logger_defs={"console": log},
        config={"loggers": {"console": {}}},
        description="Tells the operator in Telegram what is unusual or wrong now, each case once.",
    )
    def notices() -> None:
        write_notices()

    return notices


def operator_schedules(settings: PipelineSettings) -> list[dg.ScheduleDefinition]:
    """Daily at DIGEST_HOUR of the report zone, hourly; stopped without OPERATOR_CHAT_ID."""
    section = settings.pipelines
    is_wanted = section.operator_chat_id is not None
    return [
        dg.ScheduleDefinition(
            name=name,
            job_name=job,
            cron_schedule=cron,
            description=f"{description} Runs once OPERATOR_CHAT_ID is set.",
            execution_timezone=settings.report.report_timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING
            if is_wanted
            else dg.DefaultScheduleStatus.STOPPED,
        )
        for name, job, cron, description in (
            (
                "digest_every_morning",
                "digest",
                f"0 {section.digest_hour} * * *",
                "Sends yesterday's figures at DIGEST_HOUR of REPORT_TIMEZONE.",
            ),
            (
                "notices_every_hour",
                "notices",
                # The hour's last turns have ended and are published by then.
                "10 * * * *",
                "Looks for anomalies ten minutes after each hour.",
            ),
        )
    ]
