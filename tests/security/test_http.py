"""Rude and cunning HTTP against the API: bytes on a real socket, as no library sends them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psutil
import pytest

from api.http.middleware import MAX_BODY_BYTES
from common.http.bounded_protocol import MAX_HEAD_BYTES
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from tests.api.conftest import create_database
from tests.api.running import (
    RunningApi,
    StartApi,
    bearer,
    process,
    process_environment,
    register,
)
from tests.security.conftest import TLS, Target

MIB = 1 << 20
FIRST_BYTE_SECONDS = 30
ME = "/api/v1/auth/me"


@dataclass
class Apart:
    """An API in a process of its own, where nothing else takes memory."""

    url: str
    headers: dict[str, str]
    process: psutil.Process

    @property
    def memory_bytes(self) -> int:
        return int(self.process.memory_info().rss)


@pytest.fixture(scope="module")
def apart(
    postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Apart]:
    name = f"test_{uuid4().hex}"
    asyncio.run(create_database(postgres_server, name))
    database = DatabaseSettings.model_validate({"database_url": postgres_server.url(name)})
    environment = process_environment(database, STATS_API_RATE_LIMIT="100000/minute")
    with process(environment, tmp_path_factory.mktemp("apart") / "log") as (started, url):
        yield Apart(url, asyncio.run(headers_of_ann(url)), psutil.Process(started.pid))


async def headers_of_ann(url: str) -> dict[str, str]:
    async with httpx.AsyncClient(base_url=url, timeout=90) as client:
        await register(client)
        return await bearer(client)


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.create_connection(
        (parts.hostname, parts.port), timeout=FIRST_BYTE_SECONDS
    ) as connection:
        yield connection


def raw(url: str, *pieces: bytes, half_close: bool = True) -> bytes:
    """Everything the server answers to these bytes until it closes or falls silent.

    To its first byte it may take its time, as on a busy machine; then two seconds are silence.
    """
    answer = b""
    with connected(url) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                answer += received
                connection.settimeout(2)
        except (ConnectionError, TimeoutError):
            pass
    return answer


def status(answer: bytes) -> int | None:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: ",
        b"GET /health?",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000,
        b"GET",
    ],
)
def test_a_head_that_does_not_end_ends_the_connection(apart: Apart, head: bytes) -> None:
    before = apart.memory_bytes
    sent = 0
    with connected(apart.url) as connection:
        connection.sendall(head)
        try:
            while sent < 64 * MIB:
                connection.sendall(b"a" * MIB)
                sent += MIB
        except ConnectionError:
            pass
    assert sent < 16 * MIB, "the server took it all"
    assert apart.memory_bytes - before < 64 * MIB
    assert httpx.get(f"{apart.url}/health", timeout=90).status_code == 200


def test_a_large_head_that_ends_is_answered(target: Target) -> None:
    answer = httpx.get(
        f"{target.url}/health", headers={"X": "a" * (MAX_HEAD_BYTES // 2)}, timeout=90
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/auth/register", "/api/v1/auth/token", "/api/v1/query"])
async def test_a_giant_body_is_refused_before_it_is_in_memory(apart: Apart, path: str) -> None:
    async with httpx.AsyncClient(
        base_url=apart.url, headers=apart.headers, timeout=90, verify=TLS
    ) as client:
        declared = raw(
            apart.url,
            f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode(),
            f"Authorization: {apart.headers['Authorization']}\r\n".encode(),
            b"Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{",
            half_close=False,
        )
        assert status(declared) == 413

        async def endless() -> object:
            for _ in range(64):
                yield b" " * MIB

        before = apart.memory_bytes
        kind = "x-www-form-urlencoded" if path.endswith("/token") else "json"
        headers = {"Content-Type": f"application/{kind}"}
        try:
            answer = await client.post(path, content=endless(), headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 413
            assert answer.json()["code"] == "body_too_large"
            assert answer.headers["x-ratelimit-limit"]
        except httpx.TransportError:
            pass  # closed while it was still sending
        assert apart.memory_bytes - before < 32 * MIB
        whole = b'{"x": "' + b"a" * (MAX_BODY_BYTES - 100) + b'"}'
        assert (await client.post(path, content=whole, headers=headers)).status_code == 422


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 4\r\nContent-Length: 37\r\n",
        b"Content-Length: 4, 37\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: -4\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length : 4\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n",
        b" Content-Length: 4\r\n",
        b"X: a\x00b\r\n",
    ],
)
def test_no_request_hides_in_the_body_of_another(target: Target, lines: bytes) -> None:
    """Lengths that contradict each other are refused, never guessed: one answer at most."""
    body = b"0\r\n\r\n" + HIDDEN
    answer = raw(target.url, b"POST /health HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n" + body)
    # `/health` takes no POST: 405 is its own answer, a second one would be of the hidden request.
    assert answer.count(b"HTTP/1.1 ") <= 1, answer
    assert status(answer) in {None, 400}, answer


WEBSOCKET = (
    b"GET /api/v1/stats HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n" * 5000,
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\n\r\n",
        b"TRACE /health HTTP/1.1\r\nHost: x\r\nCookie: secret\r\n\r\n",
        WEBSOCKET,
        b"GET /api/v1/stats HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
)
def test_what_is_no_request_of_ours_gets_4xx_or_nothing(
    target: Target, request_bytes: bytes
) -> None:
    answer = raw(target.url, request_bytes)
    # Unknown paths are pages of the dashboard, which is not built here.
    assert status(answer) in {None, 400, 401, 403, 404, 405, 426, 503}, answer[:300]
    assert b"Cookie" not in answer
    assert httpx.get(f"{target.url}/health", timeout=90).status_code == 200


async def test_a_host_that_is_made_up_is_mirrored_nowhere(target: Target) -> None:
    async with target.client() as client:
        for path in ("/", "/docs", "/openapi.json", ME, f"{ME}/", "/api/v1/stats/", "/health"):
            for headers in (
                {"Host": "evil.example"},
                {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"},
                {"X-Original-URL": "/evil.example", "X-Rewrite-URL": "/evil.example"},
            ):
                answer = await client.get(path, headers=headers)
                assert "evil.example" not in answer.text + str(answer.headers)
                assert not answer.is_redirect


ORIGINS = (
    *("null", "", "https://evil.example", "https://a.example.evil.org"),
    *("https://a.exampleevil.org", "http://a.example", "https://a.example:8443"),
)


async def test_no_other_origin_reads_with_credentials(start_api: StartApi) -> None:
    async with start_api(cors_origins="https://a.example").client() as client:
        for origin in ORIGINS:
            for answer in (
                await client.get(ME, headers={"Origin": origin}),
                await client.options(
                    ME, headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
                ),
            ):
                assert "access-control-allow-origin" not in answer.headers, origin


SPOOFED = (
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-For", "2001:db8::7, 203.0.113.8"),
    ("x-forwarded-for", "[2001:db8::7]:4711"),
    ("X_FORWARDED_FOR", "203.0.113.7"),
    ("Forwarded", 'for="[2001:db8::7]:4711";proto=https, for=203.0.113.9'),
    ("X-Real-IP", "203.0.113.7"),
    ("X-Client-IP", "::ffff:203.0.113.7"),
    ("X-Cluster-Client-IP", "203.0.113.7"),
    ("CF-Connecting-IP", "203.0.113.7"),
    ("True-Client-IP", "203.0.113.7"),
    ("Fastly-Client-IP", "203.0.113.7"),
    ("X-Forwarded", "for=203.0.113.7"),
    ("X-Originating-IP", "203.0.113.7"),
    ("Via", "1.1 203.0.113.7"),
)


async def test_no_header_opens_another_window_of_the_limit(start_api: StartApi) -> None:
    api = start_api(stats_api_rate_limit=f"{len(SPOOFED)}/minute")
    async with api.client() as client:
        left = []
        for name, value in SPOOFED:
            # Twice, because proxies and frameworks disagree about which one counts.
            headers = [(name, value), (name, "198.51.100.1")]
            answer = await client.get(ME, headers=headers)
            left.append(int(answer.headers["x-ratelimit-remaining"]))
        assert left == list(reversed(range(len(SPOOFED))))
        assert (await client.get(ME)).status_code == 429


async def test_behind_a_proxy_only_its_own_entry_counts(start_api: StartApi) -> None:
    api = start_api(stats_api_rate_limit="3/minute", trusted_proxy_hops=1)
    async with api.client() as client:
        every = (
            [("X-Forwarded-For", "9.9.9.1, 2001:db8:1:2::1")],
            [("X-Forwarded-For", "9.9.9.2"), ("X-Forwarded-For", "2001:db8:1:2:ffff::2")],
            [("X-Forwarded-For", ", , [2001:db8:1:2::3]")],
            [("X-Forwarded-For", "9.9.9.4,2001:0db8:0001:0002:0000::4")],
        )
        seen = [(await client.get(ME, headers=claims)).status_code for claims in every]
        # One /64 is one client, whatever the spelling of its address and the values before it.
        assert seen == [401, 401, 401, 429]


PATHS = (
    b"/../secret.txt",
    b"/%2e%2e/secret.txt",
    b"/%252e%252e/secret.txt",
    b"/..%2fsecret.txt",
    b"/..%252fsecret.txt",
    b"/..\\secret.txt",
    b"/..%5csecret.txt",
    b"/assets/../../secret.txt",
    b"/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
    b"/....//secret.txt",
    b"/.%00./secret.txt",
    b"/%00",
    b"/secret.txt%00.js",
    b"/index.html%00.txt",
    b"/%c0%ae%c0%ae/secret.txt",
    b"/%uff0e%uff0e/secret.txt",
    b"//etc/passwd",
    b"/%2fetc%2fpasswd",
    b"/file:///etc/passwd",
    b"/link.txt",
    b"/linked/secret.txt",
    b"/assets/..;/..;/secret.txt",
    b"/%ff%fe.txt",
)


@pytest.fixture
def page_server(start_api: StartApi, tmp_path: Path) -> RunningApi:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html>")
    outside = tmp_path / "outside"
    outside.mkdir()
    for place in (tmp_path, outside):
        (place / "secret.txt").write_text("the secret")
    (dist / "link.txt").symlink_to(tmp_path / "secret.txt")
    (dist / "linked").symlink_to(outside)
    return start_api(web_dist=dist)


def test_no_path_leaves_the_pages(page_server: RunningApi) -> None:
    for path in PATHS:
        answer = raw(page_server.url, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(answer) in {200, 400, 404}, (path, answer)
        assert b"the secret" not in answer, path
        assert b"root:" not in answer, path


async def test_an_error_shows_no_inside(start_api: StartApi) -> None:
    """Neither paths of the machine nor names of libraries nor what was sent in secret."""
    async with start_api().client() as client:
        await register(client)
        headers = await bearer(client)
        answers = [
            await client.get("/api/v1/stats", headers=headers),  # ClickHouse is not there
            await client.get("/ready"),
            await client.get("/health"),
            await client.post(
                "/api/v1/auth/token", data={"username": "ann", "password": "hunter2"}
            ),
            await client.post("/api/v1/auth/register", json={"password": "hunter2"}),
            await client.post("/api/v1/query", headers=headers, content=b"{hunter2"),
        ]
        for answer in answers:
            for word in ("Traceback", "site-packages", ".py", "sqlalchemy", "hunter2", "asyncpg"):
                assert word not in answer.text, (answer.url, answer.text)
