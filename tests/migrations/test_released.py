"""Each released version's stores, with data: migrated by today's code, every report is the same."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command

from common.settings import DatabaseSettings
from embedded.backup.postgres import AFTER_RESTORE
from embedded.postgres import EmbeddedPostgres
from pipelines.cycle import run_cycle
from tests.clickhouse_process import ClickHouseDatabase, ClickHouseProcess
from tests.conftest import alembic_config
from tests.migrations.dump import (
    RELEASED,
    answers_of,
    load_clickhouse,
    load_postgres,
    pipeline_settings_of,
    reports_of,
)
from warehouse.settings import WarehouseSettings


def version_of(directory: Path) -> tuple[int, ...]:
    return tuple(map(int, directory.name.split(".")))


@pytest.mark.parametrize(
    "directory",
    # The newest for every change, the others weekly.
    [
        pytest.param(path, id=path.name, marks=[pytest.mark.long] if older else [])
        for older, path in enumerate(sorted(RELEASED.iterdir(), key=version_of, reverse=True))
    ],
)
def test_reports_of_a_released_version_stay_through_migrations_and_a_rebuild(
    postgres_server: EmbeddedPostgres,
    clickhouse_server: ClickHouseProcess,
    clickhouse_database: ClickHouseDatabase,
    directory: Path,
) -> None:
    name = f"test_{uuid4().hex}"
    asyncio.run(postgres_server.ensure_databases(name))
    database = DatabaseSettings.model_validate({"database_url": postgres_server.url(name)})
    load_postgres(database.libpq_url, directory / "postgres.sql")
    load_clickhouse(clickhouse_server, clickhouse_database.name, directory)
    warehouse = WarehouseSettings.model_validate(
        {
            "clickhouse_url": clickhouse_database.url,
            "clickhouse_reader_url": clickhouse_database.reader_url,
        }
    )
    before = answers_of(directory)

    command.upgrade(alembic_config("postgres", database.asyncpg_url), "head")
    command.upgrade(alembic_config("clickhouse", clickhouse_database.url), "head")

    migrated = reports_of(database, warehouse)
    assert differences(migrated, before) == []
    # Another cluster: the pipelines copy the ledger under a new epoch and build every day.
    load_postgres(database.libpq_url, AFTER_RESTORE)
    batch, publication = run_cycle(pipeline_settings_of(database, warehouse))
    assert (batch.kind, publication is not None) == ("resync", True)
    rebuilt = reports_of(database, warehouse)
    assert differences(rebuilt, before) == []


def differences(found: Any, before: Any, place: str = "") -> list[str]:
    """Where `found` is not as `before`, a line each.

    Fields and metrics of the catalogue that a later version added do not count.
    """
    found, before = (_by_name(value) for value in (found, before))
    if isinstance(found, dict) and isinstance(before, dict):
        inside = [
            (found.get(key, "gone"), value, f"{place}.{key}") for key, value in before.items()
        ]
    elif isinstance(found, list) and isinstance(before, list) and len(found) == len(before):
        inside = [
            (*pair, f"{place}[{at}]") for at, pair in enumerate(zip(found, before, strict=True))
        ]
    else:
        return [] if found == before else [f"{place[1:]}: {before!r:.80} became {found!r:.80}"]
    return [line for one in inside for line in differences(*one)]


def _by_name(value: Any) -> Any:
    """The catalogue's metrics by their names."""
    if isinstance(value, list) and all(
        isinstance(one, dict) and "definition" in one for one in value
    ):
        return {metric["name"]: metric for metric in value}
    return value
