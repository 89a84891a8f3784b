"""Sessions keep settings, databases and temporary tables between requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.clickhouse_process import (
    READER_PASSWORD,
    WRITER_PASSWORD,
    ClickHouseDatabase,
    ClickHouseProcess,
)
from tests.running import eventually


@pytest.fixture
def http(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> Iterator[httpx.Client]:
    with clickhouse_server.client("writer", session_id=clickhouse_database.name) as client:
        yield client


def ask(http: httpx.Client, statement: str, **url: str) -> str:
    answer = http.post("/", content=statement, params=url)
    code = answer.headers.get("X-ClickHouse-Exception-Code")
    return code or answer.text.rstrip("\n")


def test_a_session_keeps_settings_parameters_and_the_database(
    http: httpx.Client, clickhouse_database: ClickHouseDatabase
) -> None:
    name = clickhouse_database.name
    assert ask(http, "SET max_threads = 3, param_x = 'it''s'") == ""
    assert ask(http, "SELECT getSetting('max_threads'), {x:String}") == "3\tit\\'s"
    # A request's own settings and parameters are its own.
    assert ask(http, "SELECT getSetting('max_threads')", max_threads="5") == "5"
    assert ask(http, "SELECT {x:String}, {y:UInt8}", param_y="7") == "it\\'s\t7"
    assert ask(http, "SELECT getSetting('max_threads'), getSetting('max_block_size')") == "3\t65409"
    assert ask(http, "SELECT getSetting('max_block_size')", max_block_size="10") == "10"
    assert ask(http, "SELECT getSetting('max_block_size')") == "65409"
    assert ask(http, f"USE {name}") == ""
    assert ask(http, "SELECT currentDatabase()") == name
    assert ask(http, "SELECT currentDatabase()", database="default") == "default"
    assert ask(http, "SELECT currentDatabase()") == name
    assert ask(http, "SELECT currentDatabase()", session_id=f"{name}-other") == "default"


def test_a_session_raises_no_limit_and_opens_nothing(http: httpx.Client) -> None:
    limit = ask(http, "SELECT getSetting('max_memory_usage')")
    assert ask(http, "SET max_memory_usage = 99999999999999") == "452"
    assert ask(http, "SET allow_ddl = 0") == "497"
    assert ask(http, "SET max_threads = 2, input_format_values_interpret_expressions = 1") == "497"
    assert ask(http, "SET ROLE NONE") == "497"
    assert ask(http, "SELECT getSetting('max_memory_usage')") == limit


def test_a_temporary_table_lives_as_long_as_its_session(
    http: httpx.Client, clickhouse_database: ClickHouseDatabase
) -> None:
    assert ask(http, "CREATE TEMPORARY TABLE u (a UInt8)") == ""
    assert ask(http, "INSERT INTO u VALUES (1)") == ""
    assert ask(http, "INSERT INTO u FORMAT TSV\n2\n") == ""
    for rows in ("3", "4"):
        assert ask(http, f"INSERT INTO u SELECT a FROM input('a UInt8') FORMAT TSV\n{rows}\n") == ""
    assert "[10]" in ask(http, "SELECT sum(a) FROM u FORMAT JSONCompactColumns")
    assert ask(http, "SELECT a FROM u", session_id=f"{clickhouse_database.name}-other") == "60"
    assert ask(http, "SELECT throwIf(1)") == "395"
    assert ask(http, "SELECT count() FROM u", close_session="1") == "4"
    assert ask(http, "SELECT 1", session_check="1") == "372"
    assert ask(http, "SELECT count() FROM u") == "60"


def test_a_session_ends_when_its_time_is_over(http: httpx.Client) -> None:
    # Long enough for the next request of a busy machine.
    assert ask(http, "SET max_threads = 3", session_timeout="60") == ""
    assert ask(http, "SELECT getSetting('max_threads')", session_timeout="1") == "3"
    deadline = time.monotonic() + 50
    while ask(http, "SELECT 1", session_check="1", session_timeout="0") != "372":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ask(http, "SELECT 1", session_timeout="3601") == "374"
    assert ask(http, "SELECT 1", session_timeout="soon") == "374"


async def test_one_request_at_a_time_uses_a_session(
    clickhouse_server: ClickHouseProcess,
) -> None:
    async with httpx.AsyncClient(
        base_url=clickhouse_server.url,
        auth=("writer", WRITER_PASSWORD),
        params={"session_id": "locked"},
        timeout=60,
    ) as http:
        slow = asyncio.create_task(
            http.post(
                "/",
                content="SELECT sum(sleepEachRow(1)) FROM numbers(5) SETTINGS max_block_size = 1",
            )
        )
        # By another session: this one is what it locks.
        shown = "SELECT count() FROM system.processes WHERE query LIKE '%sleep' || 'EachRow(1)%'"

        async def is_running() -> bool:
            answer = await http.post("/", content=shown, params={"session_id": "watching"})
            return answer.text == "1\n"

        await eventually(is_running)
        locked = await http.post("/", content="SELECT 1")
        assert locked.headers["X-ClickHouse-Exception-Code"] == "373"
        # Another user's session of this name is another one.
        other = await http.post("/", content="SELECT 1", auth=("reader", READER_PASSWORD))
        assert other.text == "1\n"
        assert (await slow).text == "0\n"
        assert (await http.post("/", content="SELECT 1")).text == "1\n"


def test_sessions_that_keep_something_are_bounded(clickhouse_server: ClickHouseProcess) -> None:
    with clickhouse_server.client() as http:
        kept = [
            ask(http, "SET max_threads = 1", session_id=f"bounded-{number}") for number in range(70)
        ]
        assert set(kept[:50]) == {""}
        assert kept[-1] == "202"
        # One that keeps nothing is none too many, and old ones still work.
        assert ask(http, "SELECT 1", session_id="keeps-nothing") == "1"
        assert ask(http, "SET max_threads = 2", session_id="bounded-0") == ""
        for number in range(70):
            assert ask(http, "SELECT 1", session_id=f"bounded-{number}", close_session="1") == "1"


@pytest.mark.parametrize("user", ["writer", "reader"])
@pytest.mark.parametrize("session", [{}, {"session_id": "with-tables"}])
def test_a_form_brings_tables(
    clickhouse_server: ClickHouseProcess, user: str, session: dict[str, str]
) -> None:
    for _ in range(2):
        answer = httpx.post(
            clickhouse_server.url,
            params={
                "query": "SELECT name, n FROM people JOIN numbers USING (id)"
                " WHERE name != {other:String} ORDER BY n",
                "param_other": "ы",
                "people_structure": "id UInt8, name String",
                "numbers_structure": "id UInt8, n UInt8",
                "numbers_format": "CSV",
                "date_time_output_format": "iso",
                **session,
            },
            files={"people": ("p", b"1\tAnn\n2\tBob\n"), "numbers": ("n", b"2,7\n1,8\n")},
            auth=(user, f"{user}-password"),
            timeout=60,
        )
        assert answer.text == "Bob\t7\nAnn\t8\n"
    for described, code in (
        ({"t_types": "UInt8"}, "27"),
        ({}, "36"),
        ({"t_structure": "a UInt8", "t_format": "No')"}, "73"),
        ({"t_structure": "a UInt8) ENGINE = File(CSV"}, "62"),
    ):
        answer = httpx.post(
            clickhouse_server.url,
            params={"query": "SELECT 1 FROM t", **described, **session},
            files={"t": ("t", b"x\n")},
            auth=(user, f"{user}-password"),
            timeout=60,
        )
        assert answer.status_code >= 400
        assert answer.headers["X-ClickHouse-Exception-Code"] == code, answer.text
