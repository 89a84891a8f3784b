"""Repeats cycles and collections until a condition holds, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg

from pipelines.cycle import PipelineRun, run_cycle
from pipelines.settings import PipelineSettings
from warehouse.clickhouse.client import Writer

RUNNING = """
SELECT count() FROM system.processes
WHERE current_database = currentDatabase() AND query_id != queryID()
"""


def run_through(pipeline_settings: PipelineSettings) -> None:
    """Cycles until all that is committed now has been moved, although others go on writing.

    A transaction that is open when a cycle begins holds back everything younger than itself.
    """
    with psycopg.connect(pipeline_settings.database.libpq_url, autocommit=True) as connection:
        found = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert found is not None
    while run_cycle(pipeline_settings)[0].until_version <= found[0]:
        pass


def collect_until(pipeline_run: PipelineRun, is_so: Callable[[], bool]) -> None:
    """Collect again and again: what was replaced stays readable for its grace period."""
    deadline = time.monotonic() + 60
    while True:
        pipeline_run.rollups.collect()
        if is_so():
            return
        assert time.monotonic() < deadline, "it was not collected"
        time.sleep(0.1)


def wait_for_the_dead(writer: Writer) -> None:
    """Return once nothing runs that a killed process had asked of the warehouse."""
    deadline = time.monotonic() + 60
    quiet = 0
    while quiet < 2:
        # Twice, since what was sent before it died may not have begun yet.
        quiet = 0 if writer.value("running", sql=RUNNING) else quiet + 1
        assert time.monotonic() < deadline, "it never ends"
        time.sleep(0.05)
