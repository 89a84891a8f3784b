"""Users and query ids are those that clients know, although the engine has one user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.clickhouse_process import WRITER_PASSWORD, ClickHouseProcess
from tests.running import eventually

SLOW = "SELECT count() FROM numbers(900000000) WHERE sipHash64(repeat(toString(number), 20)) = 1"


@pytest.fixture
async def http(clickhouse_server: ClickHouseProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=clickhouse_server.url, auth=("writer", WRITER_PASSWORD), timeout=60
    ) as client:
        yield client


async def ask(http: httpx.AsyncClient, statement: str, user: str = "writer", **url: str) -> str:
    answer = await http.post("/", content=statement, params=url, auth=(user, f"{user}-password"))
    return answer.headers.get("X-ClickHouse-Exception-Code") or answer.text.rstrip("\n")


@pytest.mark.parametrize("user", ["writer", "reader"])
async def test_a_user_is_called_by_its_own_name(http: httpx.AsyncClient, user: str) -> None:
    for statement, expected in {
        "SELECT currentUser()": user,
        "SELECT user() AS u, current_user ( ), length(currentUser())": f"{user}\t{user}\t6",
        "SELECT currentUser() FORMAT TSVWithNames": f"currentUser()\n{user}",
        "WITH currentUser() AS u SELECT u, 'currentUser()' WHERE currentUser() = u": (
            f"{user}\tcurrentUser()"
        ),
        "SELECT count() FROM numbers(3) GROUP BY currentUser()": "3",
        "SELECT authenticatedUser()": user,
    }.items():
        assert await ask(http, statement, user) == expected


async def test_grants_are_those_of_the_user(http: httpx.AsyncClient) -> None:
    own = await ask(http, "SHOW GRANTS")
    assert own.startswith("GRANT SELECT, INSERT,")
    assert {line.rpartition(" TO ")[2] for line in own.splitlines()} == {"writer"}
    assert await ask(http, "show grants for writer;") == own
    readers = await ask(http, "SHOW GRANTS FOR CURRENT_USER FORMAT TSVWithNames", "reader")
    assert readers.startswith("GRANTS FOR CURRENT_USER\nGRANT SELECT ON *.* TO reader\n")


async def test_a_query_is_called_by_its_own_id(http: httpx.AsyncClient) -> None:
    for statement in (
        "SELECT queryID()",
        "SELECT query_id()",
        "SELECT initialQueryID()",
        "SELECT query_id FROM system.processes WHERE query_id = queryID()",
    ):
        assert await ask(http, statement, query_id="mine") == "mine"
    others = "SELECT count() FROM system.processes WHERE query_id != queryID()"
    assert await ask(http, others, query_id="mine") == "0"


async def test_processes_show_who_asks_what(http: httpx.AsyncClient) -> None:
    for statement in (
        "SELECT query_id, user, query FROM system.processes",
        "SELECT processes.query_id, user, query FROM system.processes",
        "SELECT p.query_id, p.user, p.query FROM system.processes AS p WHERE p.user = 'writer'",
        "SELECT query_id, user, query FROM `system`.processes p LIMIT 1",
    ):
        shown = await ask(http, statement + " FORMAT JSONCompactEachRow", query_id="mine")
        query = f"{statement} FORMAT JSONCompactEachRow"
        assert shown == f'["mine", "writer", "{query}"]'
    listed = await ask(http, "SHOW PROCESSLIST FORMAT JSONEachRow", query_id="mine")
    assert '"user":"writer","query_id":"mine"' in listed


@pytest.mark.parametrize(
    "condition",
    [
        "query_id = 'slow-1'",
        "query_id IN ('slow-1', 'other')",
        "user = 'reader' AND query_id LIKE 'slow%'",
        "startsWith(query, 'SELECT count() FROM numbers(900000000)') AND user = 'reader'",
        "user = 'reader' and elapsed > 0",
        "query_id IN (SELECT query_id FROM system.processes WHERE user != currentUser())",
    ],
)
@pytest.mark.parametrize("how", ["SYNC", "ASYNC", ""])
async def test_a_query_is_killed_in_every_form(
    http: httpx.AsyncClient, condition: str, how: str
) -> None:
    slow = asyncio.create_task(ask(http, SLOW, "reader", query_id="slow-1"))
    listed = "SELECT count() FROM system.processes WHERE query_id = 'slow-1'"

    async def is_listed() -> bool:
        return await ask(http, listed) == "1"

    await eventually(is_listed)
    assert await ask(http, f"KILL QUERY WHERE {condition} TEST FORMAT JSONCompactEachRow") != ""
    assert not slow.done()
    killed = await ask(http, f"KILL QUERY WHERE {condition} {how}")
    assert killed.split("\t")[1:3] == ["slow-1", "reader"]
    assert await slow == "394"


async def test_a_reader_kills_nothing(http: httpx.AsyncClient) -> None:
    assert await ask(http, "KILL QUERY WHERE 1", "reader") == "164"
