"""The asset graph: ledger copies, rollups by day, and their blocking checks. Wiring only."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg

from common.log import get_logger
from common.zones import zone_named
from pipelines.cycle import exclusive_run
from pipelines.defs.materializations import batch_metadata, publication_metadata
from pipelines.errors import LockLostError, SourceError
from pipelines.rollups.checks import BLOCKING
from pipelines.settings import PipelineSettings
from pipelines.source.postgres import Source

OWNERS = ["team:data"]
RETRIES = dg.RetryPolicy(
    max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
MOVES_DATA = {"dialytics/moves_data": "true"}
"""Runs with this tag wait for each other."""

SOURCES = [
    dg.AssetSpec(
        dg.AssetKey(["postgres", table]),
        description=description,
        group_name="source",
        kinds={"postgres"},
        owners=OWNERS,
    )
    for table, description in {
        "turns": "The bot's own ledger in PostgreSQL. One row is one turn: a question and what came"
        " of it. A finished turn never changes.",
        "users": "The people who write to the bot, in PostgreSQL. Only their language, their source"
        " and moments are copied; names and Telegram ids never leave.",
        "feedback": "What people think of answers, in PostgreSQL: one verdict per person and turn,"
        " the last one.",
        "user_events": "Commands that people use, and that they block the bot and come back, in"
        " PostgreSQL. An event never changes.",
        "tombstones": "What was deleted from the tables that are copied, written by triggers of"
        " PostgreSQL, so that the copy deletes it too.",
    }.items()
]

LEDGER_SPECS = [
    dg.AssetSpec(
        "people" if table == "users" else table,
        deps=[dg.AssetKey(["postgres", table]), dg.AssetKey(["postgres", "tombstones"])],
        description=f"ClickHouse's copy of {description}",
        group_name="ledger",
        kinds={"clickhouse"},
        owners=OWNERS,
    )
    for table, description in {
        "turns": "every finished turn: when, which bot and model, tokens, cost, result. No text and"
        " nothing that identifies a person. All figures are counted from it.",
        "users": "the people: a number instead of a name, their language, how they found the bot,"
        " when they came and left.",
        "feedback": "the verdicts on answers, every state of each. No text and nothing that"
        " identifies a person.",
        "user_events": "commands by name, blocks and returns. No text and nothing that identifies a"
        " person.",
    }.items()
]

# In an order in which each comes after what it depends on: Dagster wants results so.
_ROLLUP_DEPENDENCIES = {
    "user_days": (
        "turns",
        "A row is one person's day: messages, answers, tokens, cost. Shows who uses the bot most.",
    ),
    "activity": (
        "turns",
        (
            "A row is a quarter of an hour of one bot, chat type, language and model: sums,"
            " response times, and who was active. Charts in any time zone are made of it."
        ),
    ),
    "daily": (
        "activity",
        (
            "The same by days of REPORT_TIMEZONE, added up from the quarters of an hour of the same"
            " build. Answers long periods quickly."
        ),
    ),
    "new_users": (
        "user_days",
        (
            "The people whose first turn ever lies in a quarter of an hour. Shows how many are"
            " new, and who returns."
        ),
    ),
    "dialog_days": (
        "turns",
        (
            "A row is one dialog's day: sums, its people, its newest turn. The list of dialogs is"
            " made of it."
        ),
    ),
    "quarter_users": (
        "activity",
        (
            "Quarters of an hour of a whole bot, without chat type, language or model: the quick"
            " way for questions that no filter narrows."
        ),
    ),
    "day_users": (
        "daily",
        (
            "Days of a whole bot: sums, response times, and who was active, answered and new. The"
            " quick way for long periods without filters."
        ),
    ),
}
_BLOCKING_CHECKS = {
    "activity_equals_ledger": "The quarters of an hour of a day add up to the turns of that day.",
    "ledger_is_plausible": "No turn of the day has an unknown status, a negative amount or a moment"
    " in the future.",
    "new_users_are_active": "Everyone who is counted as new on the day was active on it.",
    "tiers_agree": "All tables of one build give the same totals for the day.",
}
_WITHHELD = "A day that fails is not published: readers keep its older figures."

log = get_logger(__name__)


def first_day(settings: PipelineSettings) -> date:
    """The day of the oldest turn in the report zone; today while there is none.

    A PostgreSQL that does not answer leaves the partitions of the last ten years.
    """
    now = datetime.now(UTC)
    try:
        with Source(settings.database.libpq_url) as source:
            first = source.first_received() or now
    except (SourceError, LockLostError) as error:
        log.warning("first_day_unknown", cause=str(error))
        first = now.replace(year=now.year - 10, day=1)
    return min(first, now).astimezone(zone_named(settings.report.report_timezone)).date()


def rollup_partitions(first: date, zone: str) -> dg.DailyPartitionsDefinition:
    """Days of the report zone from the first one with data, today included."""
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone=zone, end_offset=1)


def ledger_assets(settings: PipelineSettings) -> dg.AssetsDefinition:
    """Materialising moves one batch."""

    @dg.multi_asset(
        name="replicate",
        description="Copies everything that PostgreSQL committed since the last copy, and deletes"
        " what was deleted there.",
        specs=LEDGER_SPECS,
        retry_policy=RETRIES,
        op_tags=MOVES_DATA,
    )
    def replicate() -> Iterator[dg.MaterializeResult[None]]:
        with exclusive_run(settings) as pipeline_run:
            batch = pipeline_run.replicate()
        for spec in LEDGER_SPECS:
            yield dg.MaterializeResult(asset_key=spec.key, metadata=batch_metadata(batch))

    return replicate


def rollup_assets(settings: PipelineSettings, *, first_day: date) -> dg.AssetsDefinition:
    """Materialising rebuilds the chosen days from the ledger and publishes them together."""
    partitions = rollup_partitions(first_day, settings.report.report_timezone)
    specs = [
        dg.AssetSpec(
            table,
            deps=[_ROLLUP_DEPENDENCIES[table][0]],
            description=_ROLLUP_DEPENDENCIES[table][1],
            group_name="rollups",
            kinds={"clickhouse", "sql"},
            owners=OWNERS,
            partitions_def=partitions,
        )
        for table in _ROLLUP_DEPENDENCIES
    ]
    checks = [
        dg.AssetCheckSpec(
            check,
            asset="activity",
            description=f"{_BLOCKING_CHECKS[check]} {_WITHHELD}",
        )
        for check in BLOCKING
    ]

    @dg.multi_asset(
        name="roll_up",
        description="Computes the chosen days anew from the copied turns, checks them, and"
        " publishes all of them at one moment.",
        specs=specs,
        check_specs=checks,
        retry_policy=RETRIES,
        backfill_policy=dg.BackfillPolicy.single_run(),
        op_tags=MOVES_DATA,
    )
    def roll_up(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        days = [date.fromisoformat(key) for key in context.partition_keys]
        with exclusive_run(settings) as pipeline_run:
            publication = pipeline_run.rollups.rebuild(pipeline_run.state(), days)
        for spec in specs:
            yield dg.MaterializeResult(
                asset_key=spec.key, metadata=publication_metadata(publication)
            )
        for check in BLOCKING:
            failures = [failure for failure in publication.failures if failure.check == check]
            yield dg.AssetCheckResult(
                asset_key="activity",
                check_name=check,
                passed=not failures,
                metadata={"days": ", ".join(str(failure.day) for failure in failures) or "none"},
            )

    return roll_up
