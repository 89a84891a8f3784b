"""The jobs that write to the operator, and when they run. Off until a chat is named."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from pipelines.defs.follow import UNFINISHED
from pipelines.defs.jobs import one_step_job
from pipelines.operator.alert_evaluation import are_alerts_due, evaluate_alerts
from pipelines.operator.alerts import send_notices
from pipelines.operator.digest import send_digest, send_report, yesterday
from pipelines.operator.texts import ReportSpan
from pipelines.settings import PipelineSettings


def digest_job(settings: PipelineSettings, *, log: dg.LoggerDefinition) -> dg.JobDefinition:
    """Write yesterday's digest into the outbox."""

    def write(_context: dg.OpExecutionContext) -> dict[str, Any]:
        day = yesterday(settings, datetime.now(UTC))
        return {"day": str(day), "written": send_digest(settings, day)}

    return one_step_job(
        "digest",
        write,
        step="write_digest",
        does="Writes yesterday's figures as one message into the outbox of PostgreSQL; the"
        " bot sends it. A second run for the same day writes nothing.",
        description="The operator's morning message in Telegram: yesterday's users, messages, cost"
        " and failures beside the day before.",
        log=log,
    )


def report_job(
    settings: PipelineSettings, span: ReportSpan, *, log: dg.LoggerDefinition
) -> dg.JobDefinition:
    """Write the report on the last week or month into the outbox."""
    return one_step_job(
        f"{span}_report",
        lambda _context: {"written": send_report(settings, span, datetime.now(UTC))},
        step=f"write_{span}_report",
        does=f"Writes the figures of the last whole {span}, beside those of the one before,"
        " as one message with a picture into the outbox. A second run writes nothing.",
        description=f"The operator's message in Telegram about the last {span}: users, messages,"
        " failures and cost beside the one before, and messages by day as a picture.",
        log=log,
    )


def notices_job(settings: PipelineSettings, *, log: dg.LoggerDefinition) -> dg.JobDefinition:
    """Write what is unusual or wrong now into the outbox."""
    return one_step_job(
        "notices",
        lambda _context: {"written": send_notices(settings, datetime.now(UTC))},
        step="write_notices",
        does="Compares the last whole hours with the same weekday and hour of the"
        " weeks before, looks for problems of the pipelines, writes each new one into the outbox.",
        description="Tells the operator in Telegram what is unusual or wrong now, each case once.",
        log=log,
    )


ALERTS_JOB = "alerts"
ALERTS_SECONDS = 30


def alerts_job(settings: PipelineSettings, *, log: dg.LoggerDefinition) -> dg.JobDefinition:
    """Judge the alerts of the dashboard."""
    return one_step_job(
        ALERTS_JOB,
        lambda _context: {"written": evaluate_alerts(settings, datetime.now(UTC))},
        step="judge_alerts",
        does="Compares each alert's metric with its threshold, or with the same weekday and"
        " hour of the weeks before, in every window that is over; adds what fired to the history"
        " and, once for each window, to the outbox.",
        description="Judges the alerts that were made in the dashboard. The sensor due_alerts"
        " starts it after the publication that counted an alert's window up to its end.",
        log=log,
    )


def alerts_sensor(settings: PipelineSettings, job: dg.JobDefinition) -> dg.SensorDefinition:
    """Starts the job when a window of an alert is over and published."""

    @dg.sensor(
        job=job,
        name="due_alerts",
        minimum_interval_seconds=ALERTS_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a run of the job alerts once the published data reach the end of a"
        " window that an alert is about. Switched off, no alert fires.",
    )
    def sense(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        unfinished = dg.RunsFilter(job_name=ALERTS_JOB, statuses=UNFINISHED)
        if context.instance.get_runs(unfinished, limit=1):
            return dg.SkipReason("a run judges alerts already")
        if not are_alerts_due(settings):
            return dg.SkipReason("no window of an alert is over that was not judged")
        return dg.RunRequest()

    return sense


def operator_schedules(settings: PipelineSettings) -> list[dg.ScheduleDefinition]:
    """At DIGEST_HOUR of the report zone, and hourly; stopped without OPERATOR_CHAT_ID."""
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
                "report_every_week",
                "week_report",
                f"5 {section.digest_hour} * * 1",
                "Sends last week's figures on Mondays, after the digest.",
            ),
            (
                "report_every_month",
                "month_report",
                f"5 {section.digest_hour} 1 * *",
                "Sends last month's figures on the first of a month, after the digest.",
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
