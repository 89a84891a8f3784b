"""The asset graph: ledger copies, rollups by day, and their blocking checks. Wiring only."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from pipelines.cycle import exclusive_run
from pipelines.defs.materializations import FIRST_DAY, batch_metadata, publication_metadata
from pipelines.rollups.checks import BLOCKING
from pipelines.settings import PipelineSettings

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
        "turns": "The bot's ledger: one exchange per row, immutable once finished.",
        "users": "People. Only language, source and moments leave PostgreSQL.",
        "tombstones": "What was deleted, written by triggers.",
    }.items()
]

LEDGER_SPECS = [
    dg.AssetSpec(
        "turns",
        deps=[dg.AssetKey(["postgres", "turns"]), dg.AssetKey(["postgres", "tombstones"])],
        description="Every finished turn, as of the watermark. No text, no identifier.",
        group_name="ledger",
        kinds={"clickhouse"},
        owners=OWNERS,
    ),
    dg.AssetSpec(
        "people",
        deps=[dg.AssetKey(["postgres", "users"]), dg.AssetKey(["postgres", "tombstones"])],
        description="People without anything that identifies them.",
        group_name="ledger",
        kinds={"clickhouse"},
        owners=OWNERS,
    ),
]

# In an order in which each comes after what it depends on: Dagster wants results so.
_ROLLUP_DEPENDENCIES = {
    "user_days": ("turns", "One person's day: sums for the top of users."),
    "activity": ("turns", "Quarters of an hour: sums, latency states, exact people bitmaps."),
    "daily": ("activity", "Days of the report zone, from the same build's quarters."),
    "new_users": ("user_days", "People by the quarter of an hour of their first turn."),
    "dialog_days": ("turns", "One dialog's day: sums, its people, its newest turn."),
    "quarter_users": ("activity", "Each bot's quarters of an hour: sums, latency, people."),
    "day_users": ("daily", "Each bot's days: sums, latency, who was active, reached and new."),
}


def rollup_partitions(zone: str) -> dg.DailyPartitionsDefinition:
    """Days of the report zone, today included."""
    return dg.DailyPartitionsDefinition(
        start_date=FIRST_DAY.isoformat(), timezone=zone, end_offset=1
    )


def ledger_assets(settings: PipelineSettings) -> dg.AssetsDefinition:
    """Materialising moves one batch."""

    @dg.multi_asset(
        name="replicate",
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


def rollup_assets(settings: PipelineSettings) -> dg.AssetsDefinition:
    """Materialising rebuilds the chosen days from the ledger and publishes them together."""
    partitions = rollup_partitions(settings.report.report_timezone)
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
            description=f"A day that fails stays unpublished: sql/checks/{check}.sql",
        )
        for check in BLOCKING
    ]

    @dg.multi_asset(
        name="roll_up",
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
