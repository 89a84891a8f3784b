"""A ClickHouse that is too old is refused by every service."""

from __future__ import annotations

import pytest

from common.errors import SettingError
from common.settings import DatabaseSettings, ReportSettings
from migrations.stores import wait_for_clickhouse
from pipelines.__main__ import refuse_wrong_stores
from pipelines.settings import PipelineSection, PipelineSettings
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.errors import ServerTooOldError
from warehouse.settings import WarehouseSettings

TOO_OLD = r"ClickHouse 26\.[0-9.]+ is too old: 99\.1 or later is needed"


@pytest.fixture(autouse=True)
def _years_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.clickhouse.server_version.MIN_SERVER_VERSION", (99, 1))


async def test_clients_refuse_an_old_server(warehouse_settings: WarehouseSettings) -> None:
    with pytest.raises(ServerTooOldError, match=TOO_OLD):
        Writer(warehouse_settings)
    reader = ClickHouseReader(warehouse_settings)
    with pytest.raises(ServerTooOldError, match=TOO_OLD):
        await reader.rows("one", "SELECT 1", {})
    await reader.close()


def test_migrations_and_pipelines_do_not_start_with_one(
    warehouse_settings: WarehouseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", warehouse_settings.writer_url)
    with pytest.raises(SettingError, match=f"CLICKHOUSE_URL: {TOO_OLD}"):
        wait_for_clickhouse(seconds=60)
    nowhere = {"database_url": "postgresql://127.0.0.1:9/nowhere"}
    pipeline_settings = PipelineSettings(
        database=DatabaseSettings.model_validate(nowhere),
        warehouse=warehouse_settings,
        pipelines=PipelineSection(),
        report=ReportSettings(),
    )
    with pytest.raises(SettingError, match=f"CLICKHOUSE_URL: {TOO_OLD}"):
        refuse_wrong_stores(pipeline_settings)
