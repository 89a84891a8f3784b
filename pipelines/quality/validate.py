"""Runs the suites over frames read from the warehouse and stores every result there.

Only reads; needs no lock. Importing this module imports Great Expectations.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pandas as pd

from common.zones import ledger_clock
from pipelines.quality.names import CHECKS
from pipelines.replication.watermark import Watermarks
from pipelines.settings import PipelineSettings
from warehouse.clickhouse.client import Writer

# Read when Great Expectations is imported; it would report its use over the network.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx  # after the variable above
from great_expectations.data_context.types.base import ProgressBarsConfig

from pipelines.quality.suites import days_suite, freshness_suite, ledger_suite

SUITE = "expectations"
LEDGER_ROWS = 100_000
"""Most turns that are looked at one by one, the newest of the range."""
_FRAMES = (
    ("turns", "expectations/ledger", ledger_suite),
    ("daily", "expectations/days", days_suite),
    ("turns", "expectations/freshness", freshness_suite),
)
"""Asset, what is read about it, what is expected of it."""
_OBSERVATIONS = ("observed_value", "unexpected_count", "element_count", "missing_count")


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """The result of one expectation."""

    asset: str
    check: str
    passed: bool
    observed: str


def validate(
    settings: PipelineSettings, *, since: date, until: date, assets: Collection[str] = tuple(CHECKS)
) -> list[ExpectationResult]:
    """Validate the days from `since` to `until`, both included, of the report zone."""
    with Writer(settings.warehouse) as writer:
        state = Watermarks(writer).last()
        if state is None:
            return []
        parameters = {
            "epoch": state.epoch,
            **ledger_clock(settings.report.report_timezone).parameters(),
            "since": since,
            "until": until,
            "rows": LEDGER_ROWS,
        }
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_pandas("warehouse")
        results: list[ExpectationResult] = []
        for asset, name, suite in _FRAMES:
            if asset not in assets:
                continue
            frame = pd.DataFrame(writer.rows(name, parameters))
            if frame.empty:
                continue
            batch = (
                source.add_dataframe_asset(name)
                .add_batch_definition_whole_dataframe("whole")
                .get_batch({"dataframe": frame})
            )
            results += _results(batch.validate(suite()))
        _record(writer, results, run_id=uuid4())
        return results


def _results(outcome: Any) -> Iterator[ExpectationResult]:
    assets = {check: asset for asset, checks in CHECKS.items() for check in checks}
    for result in outcome.results:
        check = result.expectation_config.meta["check"]
        observed = {key: result.result[key] for key in _OBSERVATIONS if key in result.result}
        yield ExpectationResult(
            asset=assets[check],
            check=check,
            passed=bool(result.success),
            observed=json.dumps(observed, default=str),
        )


def _record(writer: Writer, results: list[ExpectationResult], *, run_id: UUID) -> None:
    now = datetime.now(UTC)
    writer.insert(
        "checks",
        [
            {
                "checked_at": now,
                "run_id": run_id,
                "suite": SUITE,
                "asset": result.asset,
                "name": result.check,
                "day": None,
                "blocking": False,
                "passed": result.passed,
                "observed": result.observed,
                "expected": CHECKS[result.asset][result.check],
            }
            for result in results
        ],
    )
