"""Great Expectations over a real warehouse."""

from __future__ import annotations

import random
import warnings
from datetime import UTC, date, datetime, timedelta
from importlib import import_module

import dagster as dg
import pytest

from pipelines.cycle import run_cycle
from pipelines.definitions import build_definitions
from pipelines.quality.names import CHECKS
from pipelines.rollups.checks import BLOCKING
from pipelines.settings import PipelineSettings
from tests.pipelines.by_hand import run
from tests.pipelines.constants import FIRST_DAY
from tests.pipelines.ledger import NOON, Ledger, random_turn, turn
from warehouse.clickhouse.client import Writer


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Importing Great Expectations warns; using it must not."""
    with warnings.catch_warnings(action="ignore"):
        import_module("pipelines.quality.validate")


def validate(pipeline_settings: PipelineSettings) -> dict[str, bool]:
    """Whether each check passed."""
    from pipelines.quality.validate import validate  # noqa: PLC0415 # its import warns

    results = validate(pipeline_settings, since=date(2020, 1, 1), until=date(2100, 1, 1))
    return {result.check: result.passed for result in results}


def test_a_good_warehouse_meets_every_expectation_and_a_bad_turn_fails_its_own(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(4)
    now = datetime.now(UTC)
    for _ in range(30):
        ledger.add_person()
    ledger.add(*(random_turn(chance, days=3, until=now) for _ in range(120)))
    run_cycle(pipeline_settings)

    results = validate(pipeline_settings)
    assert set(results) == {check for checks in CHECKS.values() for check in checks}
    assert [check for check, passed in results.items() if not passed] == []

    ledger.add(
        turn(user=4_000, at=now, cost_usd=2_000),
        turn(user=2, at=now - timedelta(days=1), answered_at=None),
    )
    run_cycle(pipeline_settings)
    days = [(now + timedelta(days=shift)).date().isoformat() for shift in (-4, 1)]
    outcome = run(
        pipeline_settings, "-m", "pipelines.commands.backfill", "--from", days[0], "--to", days[1]
    )
    assert outcome["unmet_expectations"] == ["answer_has_time", "cost_in_range", "person_is_known"]
    assert (outcome["rows_differ"], outcome["withheld"], outcome["ok"]) == (0, [], True)
    stored = writer.rows(
        "stored",
        sql="SELECT name FROM checks WHERE suite = 'expectations' AND NOT passed ORDER BY name",
    )
    assert [row["name"] for row in stored] == [
        "answer_has_time",
        "cost_in_range",
        "person_is_known",
    ]


def test_a_backfill_in_dagster_is_one_run_that_is_checked_for_its_days(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    # Its person is unknown, and a day beside it is none of this backfill's business.
    ledger.add(
        turn(), turn(at=NOON - timedelta(days=1)), turn(at=NOON, reason=None, cost_usd=5_000)
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = (
            build_definitions(pipeline_settings, first_day=FIRST_DAY)
            .resolve_job_def("rebuild")
            .execute_in_process(
                instance=instance,
                tags={
                    "dagster/asset_partition_range_start": "2025-03-08",
                    "dagster/asset_partition_range_end": "2025-03-10",
                },
            )
        )
        days = instance.get_materialized_partitions(dg.AssetKey("activity"))
    checks = result.get_asset_check_evaluations()
    assert days == {"2025-03-08", "2025-03-09", "2025-03-10"}
    assert {
        check.metadata["days"].text
        for check in checks
        if check.severity == dg.AssetCheckSeverity.WARN
    } == {"2025-03-08 to 2025-03-10"}
    assert {check.check_name for check in checks if not check.passed} == {
        "person_is_known", "cost_in_range",
    }  # fmt: skip
    assert {check.check_name for check in checks} == {
        *BLOCKING,
        *(name for one in CHECKS.values() for name in one),
    }
    stored = writer.value("stored", sql="SELECT count() FROM checks WHERE suite = 'expectations'")
    assert stored == sum(map(len, CHECKS.values()))
