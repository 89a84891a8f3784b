"""Bot and pipelines record their changed settings when they start."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from common.postgres import Sessions
from common.settings import DatabaseSettings, ReportSettings
from pipelines.runtime import settings_watch
from pipelines.settings import PipelineSection, PipelineSettings
from simulator.app import Simulator
from tests.bot.conftest import running_bot
from warehouse.settings import WarehouseSettings


async def until(database: DatabaseSettings, query: str) -> list[Any]:
    """The query's first column, once it has rows."""
    connection = await asyncpg.connect(database.libpq_url)
    deadline = time.monotonic() + 60
    try:
        while not (rows := await connection.fetch(query)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
    finally:
        await connection.close()
    return [row[0] for row in rows]


EVENTS = "SELECT details::text FROM audit_events WHERE kind = 'settings_changed'"
KNOWN = "SELECT service FROM known_settings LIMIT 1"


async def test_a_started_bot(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
) -> None:
    for messages in (100, 200):
        async with running_bot(simulator, database, sessions, daily_message_limit=messages):
            await until(database, KNOWN if messages == 100 else EVENTS)
    assert await until(database, EVENTS) == ['{"names": ["DAILY_MESSAGE_LIMIT"], "service": "bot"}']


async def test_a_started_code_server(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_watch, "is_code_server", lambda: True)
    settings = PipelineSettings(
        database=database,
        warehouse=WarehouseSettings.model_validate({"clickhouse_url": "http://u:p@127.0.0.1:1/d"}),
        pipelines=PipelineSection(),
        report=ReportSettings(),
    )
    settings_watch.record_settings(settings)
    assert await until(database, KNOWN) == ["pipelines"]
    warehouse = WarehouseSettings.model_validate({"clickhouse_url": "http://u:new@127.0.0.1:1/d"})
    settings_watch.record_settings(replace(settings, warehouse=warehouse))
    assert await until(database, EVENTS) == [
        '{"names": ["CLICKHOUSE_URL"], "service": "pipelines"}'
    ]
