"""The benchmark of the API with little effort: ratios that must not get worse, never times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.api.answers import Effort, compare, summary
from benchmarks.api.polled import Polling
from common.settings import DatabaseSettings
from tests.api.running import NOW
from warehouse.settings import WarehouseSettings


@pytest.mark.measures
@pytest.mark.timeout(900)  # starts the servers of the benchmark
def test_a_kept_answer_costs_little_more_than_a_route_that_returns_its_bytes(
    database: DatabaseSettings, week_warehouse: WarehouseSettings, tmp_path: Path
) -> None:
    polling = Polling(seconds=1, poll_seconds=0.2, publish_seconds=0.5)
    effort = Effort(rounds=9, seconds=0.25, builds=1, polling=polling)
    found = compare(
        database,
        week_warehouse,
        tmp_path,
        now=NOW,
        # Only what is kept is judged here.
        another_build=lambda: None,
        effort=effort,
    )
    assert found.errors == 0
    # 0.7 on a quiet machine; a query or a hash in the way would leave a tenth.
    assert found.ratio("bearer") > 0.35
    assert found.ratio("basic") > 0.35
    # The measure itself: middleware costs, so a route without it is faster than the floor.
    assert found.ratio("bare") > 1
    assert list(summary(found)) == [
        "rps", "p50_ms", "p95_ms", "p99_ms", "floor_rps", "ratio_floor", "cold_p95_ms",
        "first_p95_ms", "polled_p95_ms", "polled_cold", "errors",
    ]  # fmt: skip
