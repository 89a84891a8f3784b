"""Many writers at once, a large backlog, and the lag of the warehouse; STORM scales both up."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import psycopg
import pytest

from pipelines.cycle import run_cycle
from pipelines.settings import PipelineSection, PipelineSettings
from pipelines.source.columns import TURNS
from tests.pipelines.constants import SCALE
from tests.pipelines.ledger import Ledger, assert_equal, random_turn, source_rows
from warehouse.clickhouse.client import Writer

WRITERS = 16
SECONDS = 6 * SCALE
CYCLES = 4
"""At least, while the writers write."""
BACKLOG = int(150_000 * SCALE)
MAX_BACKLOGS = 6
"""The fastest counts: what else the machine does at the time only makes one slower."""
A_SECOND = 15_000
"""A million rows "well under 30 s" on an idle machine; tests share theirs."""


def _write(url: str, seed: int, enough: threading.Event, open_seconds: list[float]) -> None:
    chance = random.Random(seed)
    mine: list[object] = []
    with Ledger(url) as ledger, ledger.connect() as connection:
        while not enough.is_set():
            began = time.monotonic()
            added = ledger.add(
                *(random_turn(chance, days=3) for _ in range(chance.randint(1, 4))),
                connection=connection,
            )
            if mine and chance.random() < 0.3:
                connection.execute(
                    "UPDATE turns SET answer_chars = %s WHERE id = %s",
                    [chance.randint(1, 999), chance.choice(mine)],
                )
            if mine and chance.random() < 0.1:
                gone = mine.pop(chance.randrange(len(mine)))
                connection.execute("DELETE FROM turns WHERE id = %s", [gone])
            time.sleep(chance.expovariate(1 / 0.05))
            if chance.random() < 0.05:
                connection.rollback()
                open_seconds.append(time.monotonic() - began)
                mine = [key for key in mine if _exists(connection, key)]
            else:
                connection.commit()
                open_seconds.append(time.monotonic() - began)
                mine += added


def _exists(connection: psycopg.Connection[Any], key: object) -> bool:
    found = connection.execute("SELECT 1 FROM turns WHERE id = %s", [key]).fetchone()
    connection.rollback()
    return found is not None


@pytest.mark.measures
def test_sixteen_writers_nothing_missed_nothing_stale_no_ghosts(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    enough = threading.Event()
    open_seconds: list[float] = []
    writers = [
        threading.Thread(target=_write, args=(ledger.url, seed, enough, open_seconds))
        for seed in range(WRITERS)
    ]
    for thread in writers:
        thread.start()
    deadline = time.monotonic() + SECONDS
    lags: list[float] = []
    late: list[float] = []
    try:
        while time.monotonic() < deadline or len(lags) < CYCLES:
            clock = time.monotonic()
            batch, _ = run_cycle(pipeline_settings)
            lags.append(batch.replication_lag_seconds)
            late.append(batch.replication_lag_seconds - (time.monotonic() - clock))
    finally:
        enough.set()
        for thread in writers:
            thread.join()
    run_cycle(pipeline_settings)
    assert len(source_rows(ledger, TURNS)) > WRITERS * SECONDS
    assert_equal(ledger, writer)
    # At most five seconds late besides the cycle itself, however slow the machine is. A cycle
    # cannot read transactions that were still open when it began.
    assert max(late) <= 5 + max(open_seconds)
    assert min(lags) <= 10


@pytest.mark.measures
def test_a_backlog_arrives_at_tens_of_thousands_of_rows_a_second(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    wide = PipelineSettings(
        database=pipeline_settings.database,
        warehouse=pipeline_settings.warehouse,
        pipelines=PipelineSection(),
        report=pipeline_settings.report,
    )
    fastest = 0.0
    for backlogs in range(1, MAX_BACKLOGS + 1):
        ledger.add_many(BACKLOG, days=10)
        batch, publication = run_cycle(wide)
        assert batch.turns == BACKLOG
        assert publication is not None
        assert publication.turns == backlogs * BACKLOG
        assert writer.value("count", sql="SELECT count() FROM turns FINAL") == backlogs * BACKLOG
        fastest = max(fastest, batch.rows / batch.seconds)
        if fastest > A_SECOND:
            break
    assert fastest > A_SECOND
