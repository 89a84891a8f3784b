"""Equal stores and answers have no differences; a falsified row is found in its table."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from embedded.postgres import EmbeddedPostgres
from embedded.stack.api_client import ApiClient
from tests.api.constants import ADMIN_TOKEN, PASSWORD
from tests.chaos.checks.api import api_differs
from tests.chaos.checks.conversations import Differences
from tests.chaos.checks.expected import TURNS, Expected
from tests.chaos.checks.rollups import rollups_differ
from tests.chaos.checks.stores import Warehouse, rows_differ
from tests.clickhouse_process import ClickHouseProcess
from tests.e2e.web.world import ZONE, World, dashboard
from tests.pipelines.ledger import Ledger, random_turn

PEOPLE = 7


@pytest.fixture(scope="module")
def world(
    postgres_server: EmbeddedPostgres, clickhouse_server: ClickHouseProcess
) -> Iterator[World]:
    """Less than a day of turns, published, and their API."""
    chance = random.Random(2784)
    until = datetime.now(UTC) - timedelta(minutes=1)
    with dashboard(postgres_server, clickhouse_server, {}) as world:
        with Ledger(world.pipeline_settings.database.libpq_url) as ledger:
            for _ in range(PEOPLE):
                ledger.add_person()
            ledger.add(
                *(random_turn(chance, days=0.9, users=PEOPLE, until=until) for _ in range(60))
            )
        world.cycle()
        yield world


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[ApiClient]:
    client = ApiClient(world.url, username="examiner", password=PASSWORD)
    client.register(ADMIN_TOKEN)
    yield client
    client.close()


@pytest.fixture(scope="module", autouse=True)
def found_at_first(world: World, client: ApiClient) -> list[str]:
    """Differences before the first test: some tests falsify the stores permanently."""
    served = api_differs(Expected(turns(world), zone=ZONE), client)
    return [*stores_differ(world).details, *served.details]


def address(url: str) -> str:
    """URL of ClickHouse with the database as its HTTP interface expects it."""
    server, _, database = url.rpartition("/")
    return f"{server}/?database={database}"


def turns(world: World) -> list[dict[str, Any]]:
    """The finished turns in PostgreSQL."""
    return [dict(row) for row in world.execute(TURNS)]


def stores_differ(world: World) -> Differences:
    """Compare PostgreSQL with the copy and the rollups in ClickHouse."""

    async def compare() -> Differences:
        connection = await asyncpg.connect(world.pipeline_settings.database.libpq_url)
        try:
            return await rows_differ(connection, warehouse)
        finally:
            await connection.close()

    warehouse = Warehouse(address(world.pipeline_settings.warehouse.reader_url))
    copied = asyncio.run(compare())
    rolled_up = rollups_differ(Expected(turns(world), zone=ZONE), warehouse)
    return Differences(
        count=copied.count + rolled_up.count, details=[*copied.details, *rolled_up.details]
    )


def test_equal_stores_have_no_differences(found_at_first: list[str]) -> None:
    assert found_at_first == []


def test_an_answer_of_the_api_that_differs_from_postgresql_is_found(
    world: World, client: ApiClient
) -> None:
    rows = turns(world)
    before = api_differs(Expected(rows, zone=ZONE), client).count
    assert api_differs(Expected(rows[1:], zone=ZONE), client).count > before
    [priced, *others] = sorted(rows, key=lambda row: row["prompt_tokens"] is None)
    other = [priced | {"prompt_tokens": priced["prompt_tokens"] + 1}, *others]
    assert api_differs(Expected(other, zone=ZONE), client).count > before


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            (
                "INSERT INTO day_users SELECT * FROM day_users"
                " WHERE (day, version) IN (SELECT day, version FROM builds)"
            ),
            "day_users",
        ),
        (
            (
                "INSERT INTO quarter_users SELECT * FROM quarter_users"
                " WHERE (day, version) IN (SELECT day, version FROM builds) LIMIT 1"
            ),
            "quarter_users",
        ),
        (
            (
                "INSERT INTO turns SELECT * REPLACE(answer_chars + 1 AS answer_chars)"
                " FROM turns FINAL LIMIT 1"
            ),
            "turns: 1 rows missing, 1 too many",
        ),
        (
            (
                "INSERT INTO people SELECT * REPLACE(user_key + 1000 AS user_key)"
                " FROM people FINAL LIMIT 1"
            ),
            "people: 0 rows missing, 1 too many",
        ),
    ],
)
def test_a_row_that_differs_is_found_in_its_table(world: World, statement: str, found: str) -> None:
    before = stores_differ(world)
    assert [detail for detail in before.details if detail.startswith(found)] == []
    url = address(world.pipeline_settings.warehouse.writer_url)
    httpx.post(url, content=statement, timeout=60).raise_for_status()
    after = stores_differ(world)
    assert after.count > before.count
    assert [detail for detail in after.details if detail.startswith(found)]
