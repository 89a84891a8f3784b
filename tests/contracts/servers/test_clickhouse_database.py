from __future__ import annotations

from alembic import command

from tests.clickhouse_process import ClickHouseDatabase
from tests.conftest import alembic_config
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings


def test_migrations_create_a_database_that_does_not_exist_yet(
    clickhouse_database: ClickHouseDatabase,
) -> None:
    server, _, name = clickhouse_database.url.rpartition("/")
    config = alembic_config("clickhouse", f"{server}/{name}_fresh")
    command.upgrade(config, "head")
    command.upgrade(config, "head")
    with Writer(
        WarehouseSettings.model_validate({"clickhouse_url": f"{server}/{name}_fresh"})
    ) as writer:
        assert writer.value("exists", sql="EXISTS TABLE turns") == 1
        writer.run("drop", sql=f"DROP DATABASE {name}_fresh SYNC")
