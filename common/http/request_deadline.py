"""Closes connections with incomplete requests, for aiohttp, which has no timeout for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web

REQUEST_SECONDS = 30.0
"""From the start of the connection or request to the request's last byte."""
_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def piece_within() -> AbstractAsyncContextManager[Any]:
    """A timeout for the next chunk of a long body; raises TimeoutError in the block."""
    return asyncio.timeout(REQUEST_SECONDS)


class _Connection(asyncio.Protocol):
    """Wraps aiohttp's protocol and limits the time of each request."""

    def __init__(self, inner: Any, connections: dict[Any, _Connection], seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._deadline: asyncio.TimerHandle | None = None
        self._under_way = 0
        connections[inner] = self

    def begin(self, request: web.Request, *, whole_body: bool) -> None:
        """The headers are complete and the handler runs."""
        self._under_way += 1
        self._disarm()
        if whole_body and not request.content.is_eof():
            self._deadline = self._loop.call_later(self._seconds, self._check_body, request)

    def end(self) -> None:
        self._under_way -= 1
        self._disarm()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._arm()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self._under_way:
            self._arm()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        received: bool | None = self._inner.eof_received()
        return received

    def connection_lost(self, error: Exception | None) -> None:
        self._disarm()
        self._connections.pop(self._inner, None)
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self._loop.call_later(self._seconds, self._give_up)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _check_body(self, request: web.Request) -> None:
        if request.content.is_eof():
            self._deadline = None
        else:
            self._give_up()

    def _give_up(self) -> None:
        self._deadline = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_TIMED_OUT)
            self._transport.close()


class _Server:
    """aiohttp's server with wrapped connections."""

    def __init__(self, server: Any, watch: Callable[[Any], _Connection]) -> None:
        self._server = server
        self._watch = watch

    def __call__(self) -> asyncio.Protocol:
        return self._watch(self._server())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


class DeadlineRunner(web.AppRunner):
    """An AppRunner that closes connections with incomplete requests.

    Without `whole_body` only headers are limited: the handler limits the time of the body.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        whole_body: bool = True,
        request_seconds: float = REQUEST_SECONDS,
        **options: Any,
    ) -> None:
        self._watched: dict[Any, _Connection] = {}
        self._request_seconds = request_seconds

        @web.middleware
        async def complete_head(request: web.Request, handler: Any) -> web.StreamResponse:
            connection = self._watched.get(request.protocol)
            if connection is not None:
                connection.begin(request, whole_body=whole_body)
            try:
                answer: web.StreamResponse = await handler(request)
            finally:
                if connection is not None:
                    connection.end()
            return answer

        app.middlewares.insert(0, complete_head)
        super().__init__(app, **options)

    async def _make_server(self) -> Any:
        return _Server(
            await super()._make_server(),
            lambda inner: _Connection(inner, self._watched, self._request_seconds),
        )
