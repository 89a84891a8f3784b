"""A new installation: nothing is published, then an empty ledger is, within one cycle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from common.settings import DatabaseSettings, ReportSettings
from pipelines.cycle import run_cycle
from pipelines.settings import PipelineSection, PipelineSettings
from tests.api.constants import PARTS, STATS
from tests.api.running import PASSWORD, StartApi, register
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import migrated
from warehouse.settings import WarehouseSettings


@pytest.fixture(scope="module")
def new_warehouse(clickhouse_server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    """Nothing is published in it, ever."""
    with migrated(clickhouse_server) as settings:
        yield settings


@pytest.fixture
async def client(
    start_api: StartApi, new_warehouse: WarehouseSettings
) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(start_api, new_warehouse) as client:
        yield client


@asynccontextmanager
async def asking(
    start_api: StartApi, warehouse: WarehouseSettings
) -> AsyncIterator[httpx.AsyncClient]:
    api = start_api(clickhouse_url=warehouse.writer_url, clickhouse_reader_url=warehouse.reader_url)
    async with api.client() as client:
        await register(client)
        client.auth = httpx.BasicAuth("ann", PASSWORD)
        yield client


def query(date_range: str = "7d") -> dict[str, object]:
    return {"metrics": ["turns", "active_users"], "date_range": date_range}


async def test_before_the_first_publication_every_figure_is_503(client: httpx.AsyncClient) -> None:
    answers = [
        await client.get(f"{STATS}{part}", params={"format": format_})
        for part in PARTS
        for format_ in ("json", "csv", "arrow")
    ]
    answers += [await client.post("/api/v1/query", json=query(name)) for name in ("7d", "all")]
    for answer in answers:
        assert answer.status_code == 503, answer.url
        assert answer.json()["code"] == "not_published_yet", answer.url
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["cache-control"] == "no-store"
    head = await client.head(STATS, headers={"If-None-Match": "*"})
    assert (head.status_code, head.headers["retry-after"]) == (503, "5")


async def test_the_rest_of_the_api_works_meanwhile(client: httpx.AsyncClient) -> None:
    """The page must be served, and people must be able to sign in, before there are figures."""
    for path in ("/ready", "/health", "/api/v1/auth/me"):
        assert (await client.get(path)).status_code == 200, path
    assert (await client.get(f"{STATS}?nothing=1")).status_code == 422
    assert (await client.get(STATS, auth=("ann", "another password"))).status_code == 401


async def test_an_empty_ledger_is_published_by_one_cycle(
    start_api: StartApi, database: DatabaseSettings, clickhouse_server: ClickHouseProcess
) -> None:
    with migrated(clickhouse_server) as warehouse:
        async with asking(start_api, warehouse) as client:
            pipeline_settings = PipelineSettings(
                database=database,
                warehouse=warehouse,
                pipelines=PipelineSection.model_validate({}),
                report=ReportSettings.model_validate({}),
            )
            run_cycle(pipeline_settings)
            await everything_is_answered(client)


async def everything_is_answered(client: httpx.AsyncClient) -> None:
    for part in PARTS:
        answer = await client.get(f"{STATS}{part}")
        assert answer.status_code == 200, part
        assert 0 <= answer.json()["lag_seconds"] < 600, part
        for format_ in ("csv", "arrow"):
            table = await client.get(f"{STATS}{part}", params={"format": format_})
            assert table.status_code == 200, (part, format_)
    whole = (await client.get(STATS, params={"period": "month", "compare": "true"})).json()
    assert whole["summary"]["current"]["turns"] == 0
    assert whole["data_through"] > "2026-01-01"
    for date_range in ("7d", "all"):
        answer = await client.post("/api/v1/query", json=query(date_range))
        assert answer.json()["results"][0]["metrics"][0] == 0, answer.text
