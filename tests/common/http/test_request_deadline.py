"""Requests of which only a part arrives, over raw sockets, to every kind of HTTP server of ours."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from aiohttp import web
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from common.http.bounded_protocol import BoundedProtocol
from common.http.request_deadline import DeadlineRunner
from pipelines.runtime.metrics_server import _handler, _MetricsServer

PROJECT = Path(__file__).parents[3]
SECONDS = 1.0
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
HALF = (
    b"",
    b"PO",
    HEAD,
    HEAD + b"Content-Length: 10\r\n\r\n12345",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n123",
)
WHOLE = HEAD + b"Content-Length: 5\r\n\r\n12345"


@asynccontextmanager
async def aiohttp_server() -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        await asyncio.sleep(1.5 * SECONDS)
        return web.Response(body=body)

    app = web.Application()
    app.router.add_post("/", answer)
    runner = DeadlineRunner(app, request_seconds=SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class _Protocol(BoundedProtocol):
    request_seconds = SECONDS


@asynccontextmanager
async def api_server() -> AsyncIterator[int]:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        body = await Request(scope, receive).body()
        await asyncio.sleep(1.5 * SECONDS)
        await PlainTextResponse(body)(scope, receive, send)

    server = uvicorn.Server(
        uvicorn.Config(answer, http=_Protocol, log_config=None, lifespan="off", port=0)
    )
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


class _Metrics(_MetricsServer):
    request_seconds = SECONDS


@asynccontextmanager
async def metrics_server() -> AsyncIterator[int]:
    server = _Metrics(("127.0.0.1", 0), _handler(CollectorRegistry(), None))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


Server = Callable[[], AbstractAsyncContextManager[int]]


async def seconds_until_closed(port: int, request: bytes, *, drops: bytes = b"") -> float:
    """How long the server keeps a connection that sends this and then, now and then, a drop."""
    started = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    closed = asyncio.create_task(reader.read())
    while not closed.done():
        await asyncio.wait({closed}, timeout=0.2)
        if drops and not closed.done():
            writer.write(drops)
    if not closed.cancelled():
        closed.exception()  # reset, or closed in order
    writer.close()
    return time.monotonic() - started


def test_every_server_of_ours_ends_half_sent_requests() -> None:
    packages = ("api", "bot", "embedded", "pipelines", "simulator")
    for path in (path for package in packages for path in (PROJECT / package).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        assert "web.AppRunner(" not in source, path
        if "uvicorn.Config(" in source or "uvicorn.run(" in source:
            assert "http=BoundedProtocol" in source, path


@pytest.mark.parametrize("server", [aiohttp_server, api_server, metrics_server])
async def test_a_request_that_stays_half_sent_is_ended(server: Server) -> None:
    async with server() as port, asyncio.timeout(60):
        heads = HALF[:3] if server is metrics_server else HALF
        waited = await asyncio.gather(
            *(seconds_until_closed(port, half) for half in heads),
            seconds_until_closed(port, HEAD, drops=b"X"),
        )
    assert min(waited) > SECONDS / 2
    assert max(waited) < 20


@pytest.mark.parametrize("server", [aiohttp_server, api_server])
async def test_a_whole_request_may_be_answered_later(server: Server) -> None:
    async with server() as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(WHOLE)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head
            assert await reader.readexactly(5) == b"12345"
        writer.close()
