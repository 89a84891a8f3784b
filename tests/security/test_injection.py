"""SQL injection through every parameter of the OpenAPI document, into the real engine.

Whatever is sent, ClickHouse is asked statements of the project's own files and no other, and a
hostile value finds what any unknown value finds.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest

from api.openapi import SNAPSHOT
from tests.api.running import NOW
from tests.security.conftest import Target
from tests.statement_parts import is_made_of
from warehouse.clickhouse.client import Writer
from warehouse.clickhouse.statements import all_statements

UNKNOWN = "no-such-value"
EVERYWHERE = ("' OR '1'='1", "\\N", "{model:Identifier}", "x\\", "\x00")
"""Tried on every route; the others once per name of a parameter."""
HOSTILE = (
    *EVERYWHERE,
    "'; DROP TABLE marker; --",
    "x' UNION ALL SELECT sleep(3) -- ",
    "1) OR sleep(3) --",
    "1; SELECT pg_sleep(3) --",
    "x' INTO OUTFILE '/tmp/x' FORMAT CSV",
    "file('/etc/passwd')",
    "%",
    "_",
    "\\",
    "\\'",
    "NULL",
    "\t\n\r",
    "`",
    '"',
    "/*",
    "٣",
    "\ufeff",
)
"""Each must find nothing, as UNKNOWN does."""
NOT_TEXT = "%ff%fe"
"""Already escaped for a URL: bytes that are no UTF-8."""
AT_ONCE = 12
# Routes that change the test's account. Their values reach statements only as bound parameters.
LEFT_OUT = ("/auth/password", "/disable", "/enable", "/scopes")
VOLATILE = {"request_id", "query", "now"}


class Parameter(NamedTuple):
    method: str
    path: str
    place: str
    """`query` or `path`."""
    name: str


@cache
def parameters() -> list[Parameter]:
    """Every parameter of the document."""
    return [
        Parameter(method, path, one["in"], one["name"])
        for path, found in sorted(orjson.loads(SNAPSHOT.read_bytes())["paths"].items())
        for method, operation in sorted(found.items())
        if not path.endswith(LEFT_OUT)
        for one in operation.get("parameters", ())
    ]


async def ask(client: httpx.AsyncClient, one: Parameter, value: str) -> httpx.Response:
    """One request with this already escaped value; other parts are as they should be."""
    path = one.path
    if one.place == "path":
        path = path.replace("{" + one.name + "}", value)
    arguments = f"?{one.name}={value}" if one.place == "query" else ""
    if one.path.endswith("/users/one") and one.name != "person":
        arguments += "&person=1"
    if one.name in {"from", "to"}:
        arguments += f"&{'to' if one.name == 'from' else 'from'}=2026-03-18"
    body = {"metrics": ["turns"], "date_range": "7d"} if one.method == "post" else None
    path = path.replace("{dialog_id}", str(uuid4()))
    return await client.request(one.method, path + arguments, json=body)


def finding(answer: httpx.Response) -> Any:
    """The content of an answer without the parts that differ between two equal requests."""
    if answer.status_code != httpx.codes.OK:
        return answer.status_code
    return {key: value for key, value in answer.json().items() if key not in VOLATILE}


@pytest.fixture(scope="module", autouse=True)
def _nothing_was_executed(target: Target) -> Iterator[None]:
    """A marker in both databases outlives the attacks; only statements of files were asked."""
    with Writer(target.warehouse) as writer:
        writer.run("marker", sql="CREATE TABLE marker ENGINE = MergeTree ORDER BY a AS SELECT 1 a")
        asyncio.run(in_postgres(target, "CREATE TABLE marker AS SELECT 1 AS a"))
        yield
        assert writer.value("marker", sql="SELECT count() FROM marker") == 1
    assert asyncio.run(in_postgres(target, "SELECT count(*) FROM marker")) == 1
    asked = set(target.door.statements)
    assert asked
    files = all_statements()
    texts = files.values()
    assert [sql for sql in asked if not any(is_made_of(sql, text, files) for text in texts)] == []


async def in_postgres(target: Target, statement: str) -> Any:
    connection = await asyncpg.connect(target.database.libpq_url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("path", sorted({one.path for one in parameters()}))
async def test_a_hostile_value_finds_what_an_unknown_value_finds(target: Target, path: str) -> None:
    last_of_name = {one.name: one for one in parameters()}
    async with target.client() as client:
        for one in (one for one in parameters() if one.path == path):
            expected = finding(await ask(client, one, UNKNOWN))
            is_free_text = not isinstance(expected, int)
            tried = EVERYWHERE if is_free_text else EVERYWHERE[:2]
            values = [quote(value, safe="") for value in tried]
            if one == last_of_name[one.name]:
                values = [*(quote(value, safe="") for value in HOSTILE), NOT_TEXT]
            for start in range(0, len(values), AT_ONCE):
                together = values[start : start + AT_ONCE]
                answers = await asyncio.gather(*(ask(client, one, value) for value in together))
                for value, answer in zip(together, answers, strict=True):
                    assert answer.status_code < 500, (one.name, value, answer.text)
                    is_refused = 400 <= answer.status_code < 500
                    is_nothing = is_free_text and finding(answer) == expected
                    assert is_refused or is_nothing, (one.name, value)


def test_every_parameter_was_found() -> None:
    """The document is the list: were it read wrongly, the attacks would be few."""
    found = set(parameters())
    assert Parameter("get", "/api/v1/stats/dialogs", "query", "cursor") in found
    assert Parameter("get", "/api/v1/stats/users/top", "query", "by") in found
    assert Parameter("get", "/api/v1/dialogs/{dialog_id}/text", "path", "dialog_id") in found
    assert len(found) > 120


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every text and number of a JSON value."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, (*path, index))
    else:
        yield path


def with_value(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = with_value(node[path[0]], path[1:], value)
    return copy


QUERY: dict[str, Any] = {
    "metrics": ["turns", "user_messages"],
    "date_range": ["2026-03-12", "2026-03-18"],
    "dimensions": ["time:day", "model"],
    "filters": [["is", "chat_type", [UNKNOWN]], ["is_not", "bot", [1]]],
    "order_by": [["turns", "desc"]],
    "include": {"total_rows": True, "time_labels": False},
    "pagination": {"limit": 100, "offset": 0},
    "tz": "UTC",
}


def test_the_query_names_every_key_of_the_document() -> None:
    shapes = orjson.loads(SNAPSHOT.read_bytes())["components"]["schemas"]
    assert set(QUERY) == set(shapes["QueryBody"]["properties"])
    assert set(QUERY["include"]) == set(shapes["Include"]["properties"])
    assert set(QUERY["pagination"]) == set(shapes["Pagination"]["properties"])


@pytest.mark.parametrize("place", list(places(QUERY)), ids=str)
async def test_a_hostile_part_of_a_query_is_refused_or_finds_nothing(
    target: Target, place: tuple[Any, ...]
) -> None:
    async with httpx.AsyncClient(base_url=target.url, headers=target.headers, timeout=90) as client:
        is_value = place == ("filters", 0, 2, 0)
        for value in HOSTILE if is_value else EVERYWHERE:
            answer = await client.post("/api/v1/query", json=with_value(QUERY, place, value))
            if answer.status_code == httpx.codes.OK:
                assert answer.json()["results"] == []
                assert is_value, value
            else:
                assert answer.status_code == 422, (value, answer.text)


@pytest.mark.parametrize("dimension", ["chat_type", "language", "model"])
@pytest.mark.parametrize("operator", ["is", "contains"])
async def test_a_filter_compares_and_never_interprets(
    target: Target, dimension: str, operator: str
) -> None:
    """Also with the operators that search parts: `%`, `_` and `.` are no wildcards."""
    async with httpx.AsyncClient(base_url=target.url, headers=target.headers, timeout=90) as client:

        async def matching(value: str) -> Any:
            filters = [[operator, dimension, [value]]]
            body = {"metrics": ["turns"], "date_range": "7d", "filters": filters}
            answer = await client.post("/api/v1/query", json=body)
            assert answer.status_code in {200, 422}, answer.text
            return answer.json()["results"] if answer.status_code == 200 else None

        nothing = await matching(UNKNOWN)
        found = [await matching(value) for value in (*EVERYWHERE, "%", "_", ".*", "?", "\\x61")]
        assert {str(one) for one in found} <= {str(nothing), "None"}
        assert sum(one is not None for one in found) > 7


async def test_a_cursor_that_was_made_up_is_refused(target: Target) -> None:
    made_up = ["1.' OR 1=1 --", "0x10." + str(uuid4()), "1 OR 1.x", "9" * 400 + "." + str(uuid4()),
               "1." + "0" * 32 + "'", f"{NOW.year}.{uuid4()}) OR (1=1"]  # fmt: skip
    async with target.client() as client:
        for text in made_up:
            cursor = urlsafe_b64encode(text.encode()).decode()
            answer = await client.get("/api/v1/stats/dialogs", params={"cursor": cursor})
            assert (answer.status_code, answer.json()["code"]) in {
                (422, "invalid_cursor"),
                (422, "invalid_request"),
            }, text


async def test_a_value_of_the_database_is_no_formula_in_a_spreadsheet(target: Target) -> None:
    async with target.client() as client:
        answer = await client.get(
            "/api/v1/stats/models", params={"period": "week", "format": "csv"}
        )
        assert "'=cmd|" in answer.text
        for line in answer.text.splitlines():
            assert not any(cell.strip('"').startswith("=") for cell in line.split(","))
