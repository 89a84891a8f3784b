"""Days that were built one by one are compacted into one build, without changing any figure."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from common.zones import RELEASE, ledger_clock
from pipelines.cycle import exclusive_run, run_cycle
from pipelines.errors import LockLostError
from pipelines.rollups.compaction import Compaction, days_to_compact
from pipelines.rollups.publish import PublishedBuild, Publisher, ReportDays
from pipelines.settings import PipelineSettings
from tests.pipelines.cycles import collect_until
from tests.pipelines.ledger import NOON, Ledger, random_turn
from tests.pipelines.rollups.test_rollup import MOSCOW, assert_exact, published
from warehouse.clickhouse.client import Writer

DAY = NOON.astimezone(MOSCOW).date()
VERSIONS = "SELECT uniqExact(version) FROM builds"
PARTS = """
SELECT count() FROM system.parts
WHERE database = currentDatabase() AND table = 'day_users' AND active
"""


def build_days_one_by_one(
    pipeline_settings: PipelineSettings, ledger: Ledger, *, days: int
) -> None:
    chance = random.Random(5)
    for age in range(days - 1, -1, -1):
        end = NOON - timedelta(days=age)
        ledger.add(*(random_turn(chance, days=0.5, users=12, until=end) for _ in range(20)))
        run_cycle(pipeline_settings)


def gathering(writer: Writer, confirm_lock: Callable[[], None]) -> Compaction:
    publisher = Publisher(writer, grace_seconds=1, confirm_lock=confirm_lock)
    days = ReportDays(MOSCOW.key, RELEASE, ledger_clock(MOSCOW.key))
    return Compaction(writer, publisher, days=days, max_builds=1)


def refuse() -> None:
    raise LockLostError("the lock is not held")


def test_days_built_one_by_one_become_one_build_and_no_figure_changes(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    build_days_one_by_one(pipeline_settings, ledger, days=3)
    before = published(writer)
    through = writer.rows("reports/head")[0]["data_through"]
    assert writer.value("versions", sql=VERSIONS) == 3
    with exclusive_run(pipeline_settings) as pipeline_run:
        state, head = pipeline_run.state(), pipeline_run.rollups.current_publication()
        assert head is not None
        with pytest.raises(LockLostError):
            gathering(writer, refuse).run(state, head)
        # Stopped between copy and publication: readers see the old builds.
        assert writer.value("versions", sql=VERSIONS) == 3
        assert published(writer) == before
        moved = gathering(writer, pipeline_run.source.confirm_lock).run(state, head)
        # The newest day is built again with every batch and stays apart.
        assert moved == (DAY - timedelta(days=2), DAY - timedelta(days=1))
        assert writer.value("versions", sql=VERSIONS) == 2
        assert published(writer) == before
        assert writer.rows("reports/head")[0]["data_through"] >= through
        # Nothing is left to compact, and the unpublished copy is deleted.
        assert pipeline_run.compact() == 0
        collect_until(pipeline_run, lambda: writer.value("parts", sql=PARTS) == 2)
    # The next build uses the compacted one: an old day and its new people change.
    ledger.execute("DELETE FROM turns WHERE received_at < %s", NOON - timedelta(days=1, hours=1))
    run_cycle(pipeline_settings)
    assert_exact(ledger, writer)


def test_a_state_that_is_not_published_yet_is_left_alone(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    build_days_one_by_one(pipeline_settings, ledger, days=1)
    ledger.add(random_turn(random.Random(1)))
    with exclusive_run(pipeline_settings) as pipeline_run:
        pipeline_run.replicate()
        assert pipeline_run.rollups.compact(pipeline_run.state()) == ()


def test_few_builds_the_newest_day_and_withheld_days_stay_where_they_are() -> None:
    def build(day: int, *, version: int, withheld: bool = False) -> PublishedBuild:
        return PublishedBuild(date(2025, 3, day), version, withheld, 1, NOON, turns=1)

    many = {build(day, version=day).day: build(day, version=day) for day in range(1, 9)}
    assert days_to_compact(many, max_builds=4) == [[date(2025, 3, day) for day in range(1, 8)]]
    few = {day: builds for day, builds in many.items() if day.day <= 5}
    assert days_to_compact(few, max_builds=4) == []
    held = many | {date(2025, 3, 2): build(2, version=2, withheld=True)}
    assert days_to_compact(held, max_builds=4) == [
        [date(2025, 3, day) for day in (1, 3, 4, 5, 6, 7)]
    ]
    assert days_to_compact({}, max_builds=4) == []
