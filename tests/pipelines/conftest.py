"""A migrated PostgreSQL and a migrated ClickHouse, and a ledger to write turns into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.settings import DatabaseSettings, ReportSettings
from pipelines.settings import PipelineSection, PipelineSettings
from tests.pipelines.ledger import Ledger
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings


@pytest.fixture
def pipeline_settings(
    database: DatabaseSettings, warehouse_settings: WarehouseSettings
) -> PipelineSettings:
    return PipelineSettings(
        database=database,
        warehouse=warehouse_settings,
        pipelines=PipelineSection.model_validate(
            {"replication_page_rows": 500, "snapshot_grace_seconds": 1}
        ),
        report=ReportSettings.model_validate({"report_timezone": "Europe/Moscow"}),
    )


@pytest.fixture
def writer(warehouse_settings: WarehouseSettings) -> Iterator[Writer]:
    with Writer(warehouse_settings) as writer:
        yield writer


@pytest.fixture
def ledger(database: DatabaseSettings) -> Iterator[Ledger]:
    with Ledger(database.libpq_url) as ledger:
        yield ledger
