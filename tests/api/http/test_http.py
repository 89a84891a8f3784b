"""HEAD is GET without a body, and long answers are compressed for who takes that."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from tests.api.constants import STATS
from tests.api.running import NOW, PASSWORD, RunningApi, StartApi, register
from tests.warehouse.replica import Replica, turn

PASSING = frozenset(
    {"date", "x-request-id", "x-lag-seconds", "x-ratelimit-remaining", "x-ratelimit-reset",
     "ratelimit", "transfer-encoding"}
)  # fmt: skip
"""Headers that differ between two requests; a stream is cut into chunks only with its body."""


@pytest.fixture
async def analyst(week_api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    async with week_api.client(auth=("ann", PASSWORD)) as client:
        yield client


def lasting(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in PASSING}


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(
    "path",
    [
        STATS, f"{STATS}/summary", f"{STATS}/catalogue", f"{STATS}/activity?format=csv",
        f"{STATS}/activity?format=arrow", f"{STATS}/dialogs?format=csv", f"{STATS}?period=never",
        f"{STATS}?nothing=1", "/api/v1/auth/me", "/api/v1/nothing", "/api/v1/admin/accounts",
        "/api/v1/query", "/api/v1/dialogs/11111111-1111-1111-1111-111111111111/text", "/metrics",
        "/openapi.json", "/docs", "/docs/swagger-ui.css", "/docs/nothing", "/", "/nothing.js",
    ],
)  # fmt: skip
async def test_head_is_get_without_a_body(
    analyst: httpx.AsyncClient, path: str, coding: str
) -> None:
    headers = {"Accept-Encoding": coding}
    if path == "/metrics":
        # Its text grows with every request.
        headers["Accept-Encoding"] = "identity"
    get, head = await analyst.get(path, headers=headers), await analyst.head(path, headers=headers)
    assert (head.status_code, head.content) == (get.status_code, b"")
    ours, theirs = lasting(head), lasting(get)
    if path == "/metrics" or get.headers.get("content-type") == "application/json":
        # The age and the request's id have more or fewer digits.
        ours.pop("content-length", None)
        theirs.pop("content-length", None)
    assert ours == theirs


async def test_head_says_that_a_service_is_not_well(start_api: StartApi) -> None:
    api = start_api(database_url="postgresql://nobody@127.0.0.1:9/none")
    async with api.client() as client:
        for path in ("/health", "/ready"):
            assert (await client.get(path)).status_code == 503
            head = await client.head(path)
            assert (head.status_code, head.content) == (503, b"")
            assert head.headers["content-type"] == "application/json"


async def test_head_needs_credentials_and_counts_against_the_limit(
    start_week: StartApi,
) -> None:
    api = start_week(stats_api_rate_limit="2/minute")
    async with api.client() as client:
        assert (await client.head(STATS)).status_code == 401
        await register(client)
        answers = [await client.head(STATS, auth=("ann", PASSWORD)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["retry-after"]


async def test_a_connection_is_used_again_after_head(analyst: httpx.AsyncClient) -> None:
    await analyst.head(f"{STATS}/dialogs?format=csv")
    assert (await analyst.get(f"{STATS}/summary")).json()["summary"]


async def test_an_export_that_only_head_asks_for_ends_at_once(
    start_stats: StartApi, replica: Replica
) -> None:
    """More heads than exports may run: each leaves its place."""
    replica.store([turn(NOW - timedelta(minutes=number)) for number in range(300)])
    replica.publish(NOW)
    api = start_stats()
    async with api.client() as client:
        await register(client)
        client.auth = httpx.BasicAuth("ann", PASSWORD)
        for _ in range(8):
            answer = await client.head(f"{STATS}/dialogs", params={"format": "csv"})
            assert answer.status_code == 200
        deadline = asyncio.get_running_loop().time() + 100
        while (await client.get(f"{STATS}/dialogs", params={"format": "csv"})).status_code == 503:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.1)


async def raw(client: httpx.AsyncClient, path: str, coding: str) -> tuple[httpx.Response, bytes]:
    """The answer and its body as it came over the wire."""
    async with client.stream("GET", path, headers={"Accept-Encoding": coding}) as answer:
        return answer, b"".join([piece async for piece in answer.aiter_raw()])


@pytest.mark.parametrize(
    "path",
    [
        STATS, f"{STATS}/heatmap", f"{STATS}/activity?period=month&format=csv",
        f"{STATS}/activity?period=month&format=arrow", f"{STATS}/dialogs?format=csv",
        f"{STATS}/dialogs?format=arrow", "/openapi.json", "/docs/swagger-ui-bundle.js",
    ],
)  # fmt: skip
async def test_long_answers_are_compressed(analyst: httpx.AsyncClient, path: str) -> None:
    plain, whole = await raw(analyst, path, "identity")
    packed, wire = await raw(analyst, path, "gzip, br")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    unpacked = zlib.decompress(wire, 16 + zlib.MAX_WBITS)
    if "arrow" in path:
        # The metadata of its schema states the age.
        assert pa.ipc.open_stream(unpacked).read_all() == pa.ipc.open_stream(whole).read_all()
    elif not path.startswith(STATS) or "csv" in path:
        assert unpacked == whole
    for answer in (plain, packed):
        varies = [name.strip() for name in answer.headers["vary"].split(",")]
        assert varies.count("Accept-Encoding") == 1
    if "content-length" in packed.headers:
        assert int(packed.headers["content-length"]) == len(wire)


async def test_short_answers_and_refusals_of_gzip_are_plain(analyst: httpx.AsyncClient) -> None:
    short, body = await raw(analyst, "/api/v1/auth/me", "gzip")
    assert len(body) <= 1024
    assert "content-encoding" not in short.headers
    for coding in ("gzip;q=0", "*;q=0", "br", "deflate"):
        assert "content-encoding" not in (await raw(analyst, STATS, coding))[0].headers
    assert (await raw(analyst, STATS, "*"))[0].headers["content-encoding"] == "gzip"


async def test_what_is_unchanged_has_no_body_and_no_coding(analyst: httpx.AsyncClient) -> None:
    tag = (await analyst.get(STATS)).headers["etag"]
    for method in ("GET", "HEAD"):
        again = await analyst.request(method, STATS, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert "content-encoding" not in again.headers
        assert "content-length" not in again.headers
        assert "Accept-Encoding" in again.headers["vary"]


async def test_a_compressed_file_is_compressed_once(start_api: StartApi, tmp_path: Path) -> None:
    script = "let a = 1;\n" * 1000
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "app.js").write_text(script)
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    (tmp_path / "app.js.gz").write_bytes(packer.compress(script.encode()) + packer.flush())
    (tmp_path / "plain.js").write_text(script)
    async with start_api(web_dist=tmp_path).client() as client:
        for path in ("/app.js", "/plain.js"):
            answer, wire = await raw(client, path, "gzip")
            assert answer.headers["content-encoding"] == "gzip"
            assert zlib.decompress(wire, 16 + zlib.MAX_WBITS).decode() == script
            assert answer.headers["etag"].startswith('W/"')


async def test_every_route_refuses_an_argument_that_it_does_not_have(
    api: RunningApi, client: httpx.AsyncClient
) -> None:
    await register(client)
    client.auth = ("ann", PASSWORD)
    asked = 0
    for path, operations in api.app.openapi()["paths"].items():
        if not path.startswith("/api/v1"):
            continue
        for method in operations:
            url = re.sub(r"\{\w+\}", "1", path)
            answer = await client.request(method, f"{url}?no_such=1")
            where = (answer.status_code, answer.json()["details"][0]["where"])
            assert where == (422, ["query", "no_such"]), (method, path)
            asked += 1
    assert asked > 60
    answer = await client.get("/api/v1/admin/invitations?state=valid")
    assert answer.json()["message"] == "state: unknown; permitted: before, limit."
