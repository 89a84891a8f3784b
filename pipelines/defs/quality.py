"""Great Expectations as asset checks: of the last days, of everything at night, of a backfill.

One op for each asset, so that a run that materialises one of them can run its checks alone.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from pipelines.quality.names import CHECKS
from pipelines.settings import PipelineSettings

RECENT_DAYS = 2
EVERYTHING = (date(1970, 1, 1), date(2149, 1, 1))
PARTITION = "dagster/partition"
FIRST_PARTITION = "dagster/asset_partition_range_start"
LAST_PARTITION = "dagster/asset_partition_range_end"


class RangeToCheck(dg.Config):
    """How far back to look; 0 means everything. A run of partitions looks at its partitions."""

    days: int = RECENT_DAYS


def range_to_check(tags: Mapping[str, str], *, days: int, today: date) -> tuple[date, date]:
    """First and last day, both included: those that the run rebuilds, else the last `days`."""
    first = tags.get(FIRST_PARTITION, tags.get(PARTITION))
    last = tags.get(LAST_PARTITION, tags.get(PARTITION))
    if first and last:
        return date.fromisoformat(first), date.fromisoformat(last)
    return (today - timedelta(days=days), today) if days else EVERYTHING


def expectations(settings: PipelineSettings) -> list[dg.AssetChecksDefinition]:
    """Great Expectations over the ledger and over the rollups."""
    return [_of_asset(settings, asset) for asset in CHECKS]


def op_name(asset: str) -> str:
    """The name of the op that checks an asset."""
    return f"{asset}_expectations"


def _of_asset(settings: PipelineSettings, asset: str) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(check, asset=asset, description=description)
        for check, description in CHECKS[asset].items()
    ]

    @dg.multi_asset_check(
        name=op_name(asset),
        description=f"Runs all expectations about {asset} with Great Expectations. A failed one"
        " is a warning; it holds nothing back.",
        specs=specs,
    )
    def check_expectations(
        context: dg.AssetCheckExecutionContext, config: RangeToCheck
    ) -> Iterator[dg.AssetCheckResult]:
        # Imported where it runs: it takes seconds and 255 MiB.
        from pipelines.quality.validate import validate  # noqa: PLC0415

        today = datetime.now(ZoneInfo(settings.report.report_timezone)).date()
        since, until = range_to_check(context.run.tags, days=config.days, today=today)
        found = validate(settings, since=since, until=until, assets=(asset,))
        results = {result.check: result for result in found}
        for spec in specs:
            result = results.get(spec.name)
            # A range without turns has nothing to be wrong about.
            yield dg.AssetCheckResult(
                asset_key=spec.asset_key,
                check_name=spec.name,
                passed=result is None or result.passed,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    "observed": result.observed if result else "no rows",
                    "days": f"{since} to {until}",
                },
            )

    return check_expectations
