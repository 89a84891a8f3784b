"""Dagster's own database is created once, even if its processes start together, and kept small."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import asyncpg
import dagster as dg
import psycopg
import pytest
from dagster import DagsterInstance

from embedded.postgres import EmbeddedPostgres
from pipelines.defs.prune import prune_job
from pipelines.runtime.home import environment, write_home
from pipelines.runtime.storage import prepare_storage
from pipelines.settings import DagsterSettings

PROCESSES = 3


@pytest.fixture
def settings(
    postgres_server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterSettings]:
    """Settings of a Dagster that was never started."""
    name = f"dagster_{uuid4().hex}"
    asyncio.run(postgres_server.ensure_databases(name))
    settings = DagsterSettings.model_validate(
        {"dagster_database_url": postgres_server.url(name), "dagster_home": tmp_path / "home"}
    )
    for variable, value in environment(settings, {}).items():
        monkeypatch.setenv(variable, value)
    yield settings
    asyncio.run(_drop(postgres_server.url("postgres"), name))


async def _drop(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


def test_of_processes_that_start_together_one_makes_the_tables_and_none_complains(
    settings: DagsterSettings, caplog: pytest.LogCaptureFixture
) -> None:
    home = write_home(settings)
    together = Barrier(PROCESSES)

    def start(_number: int) -> bool:
        together.wait()
        return prepare_storage(settings, home=home)

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(PROCESSES) as pool:
        assert sorted(pool.map(start, range(PROCESSES))) == [False, False, True]
    assert caplog.messages == []
    instance = DagsterInstance.from_config(str(home))
    assert instance.get_runs_count() == 0
    instance.dispose()


def test_a_database_that_does_not_answer_is_left_to_dagster(tmp_path: Path) -> None:
    nowhere = DagsterSettings.model_validate(
        {"dagster_database_url": f"postgresql+psycopg2://u@/d?host={tmp_path}"}
    )
    assert prepare_storage(nowhere, home=tmp_path) is False


def test_old_runs_and_results_of_checks_go_and_the_latest_result_of_each_stays(
    settings: DagsterSettings,
) -> None:
    home = write_home(settings)
    prepare_storage(settings, home=home)
    prune = prune_job(keep_days=3, log=dg.colored_console_logger)
    with DagsterInstance.from_config(str(home)) as instance:
        for name in ("one", "one", "two", "young"):
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(asset_key=dg.AssetKey("a"), check_name=name, passed=True)
            )
        instance.create_run_for_job(prune, status=dg.DagsterRunStatus.SUCCESS)
        url = settings.dagster_database_url.get_secret_value()
        with psycopg.connect(url, autocommit=True) as database:
            database.execute(
                "UPDATE asset_check_executions"
                " SET create_timestamp = now() - interval '4 days' WHERE check_name <> 'young'"
            )
            database.execute("UPDATE runs SET create_timestamp = now() - interval '4 days'")
            young = instance.create_run_for_job(prune, status=dg.DagsterRunStatus.SUCCESS)

            assert prune.execute_in_process(instance=instance).success

            left = database.execute(
                "SELECT check_name, count(*) FROM asset_check_executions GROUP BY 1"
            ).fetchall()
            assert dict(left) == {"one": 1, "two": 1, "young": 1}
        runs = {run.run_id for run in instance.get_runs()}
        # Beside the young one, the run that pruned.
        assert young.run_id in runs
        assert len(runs) == 2
