"""PostgreSQL is dumped and restored into a new cluster whose transaction ids are smaller."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from common.settings import DatabaseSettings
from embedded.backup.postgres import Postgres
from embedded.postgres import EmbeddedPostgres
from pipelines.cycle import exclusive_run, run_cycle
from pipelines.errors import SourceError
from pipelines.settings import PipelineSettings
from tests.pipelines.constants import SYSTEM_IDENTIFIER
from tests.pipelines.ledger import Ledger, assert_equal, random_turn, turn
from tests.pipelines.rollups.test_rollup import assert_exact, published
from warehouse.clickhouse.client import Writer

NAME = "restored"


@pytest.fixture
def new_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("r4"), durable=False)
    server.prepare()
    with (server.directory / "server.log").open("wb") as log:
        process = subprocess.Popen(server.command(), stdout=log, stderr=log)
    try:
        asyncio.run(server.wait_until_ready())
        asyncio.run(server.ensure_databases(NAME))
        # Roles belong to a cluster: no dump has them.
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE dialytics_reader")
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=100)


def horizon_of(pipeline_settings: PipelineSettings) -> int:
    with exclusive_run(pipeline_settings) as pipeline_run:
        return pipeline_run.source.status().horizon


def test_restored_into_a_new_cluster_replication_begins_a_new_epoch_and_ends_equal(
    pipeline_settings: PipelineSettings,
    ledger: Ledger,
    writer: Writer,
    *,
    new_cluster: EmbeddedPostgres,
    tmp_path: Path,
) -> None:
    chance = random.Random(4)
    with psycopg.connect(ledger.url, autocommit=True) as connection:
        for _ in range(2_000):
            connection.execute("SELECT pg_current_xact_id()")
    people = [ledger.add_person() for _ in range(30)]
    added = ledger.add(*(random_turn(chance, days=5) for _ in range(200)))
    ledger.execute("DELETE FROM turns WHERE id = ANY(%s)", added[:5])
    ledger.execute("DELETE FROM users WHERE key = %s", people[0])
    first, _ = run_cycle(pipeline_settings)
    Postgres(ledger.url).dump(lambda dump: (tmp_path / "dump").write_bytes(dump.read()))
    # These changes are not in the dump.
    ledger.add(turn(user=99))
    run_cycle(pipeline_settings)
    before = published(writer)

    copy = Postgres(new_cluster.url(NAME))
    copy.restore(lambda dump: dump.write((tmp_path / "dump").read_bytes()))
    moved = replace(
        pipeline_settings,
        database=DatabaseSettings.model_validate({"database_url": new_cluster.url(NAME)}),
    )
    assert horizon_of(moved) < first.until_version
    # Left as the dump has them, versions lie in the new cluster's future: nothing may be missed.
    with pytest.raises(SourceError, match=r"turns has versions|users has versions"):
        run_cycle(moved)
    assert published(writer) == before

    copy.make_versions_current()
    with Ledger(new_cluster.url(NAME)) as restored:
        batch, publication = run_cycle(moved)
        assert (batch.kind, batch.epoch) == ("resync", first.epoch + 1)
        assert SYSTEM_IDENTIFIER in batch.reason
        assert (batch.turns, batch.people) == (195, 29)
        assert publication is not None
        assert_equal(restored, writer)
        assert_exact(restored, writer)
        restored.execute("DELETE FROM turns WHERE id = ANY(%s)", added[5:9])
        restored.execute("DELETE FROM users WHERE key = %s", people[1])
        restored.add(*(random_turn(chance, days=5) for _ in range(20)))
        batch, _ = run_cycle(moved)
        assert (batch.kind, batch.epoch, batch.reason) == ("incremental", first.epoch + 1, "")
        assert_equal(restored, writer)
        assert_exact(restored, writer)
