"""uvicorn's HTTP protocol, with a bound on what stands before a body. Knows no request.

The framework bounds the head of a request with one of its two parsers only; with the faster one
a client could fill the memory with a header that never ends. Neither ends a request of which only a
part arrives.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD_BYTES = 64 << 10
REQUEST_SECONDS = 30.0
"""From the first byte of a request, or the connection, to its last byte."""
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """Ends connections whose request line and headers, or whose request, do not end.

    What arrives is counted piece by piece (a piece is at most 256 KiB) while a head is open.
    """

    _head_bytes = 0
    _has_head = False
    request_seconds = REQUEST_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def on_message_complete(self) -> None:
        self._disarm()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        # From here on it is no request any more.
        self._disarm()
        super().handle_websocket_upgrade()

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self._give_up)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if not self._has_head or not self.cycle.response_started:
            self.transport.write(_TIMED_OUT)
        self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._arm()
        self._head_bytes = 0
        self._has_head = False

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._has_head = True

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._has_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > LARGEST_HEAD_BYTES:
            self.transport.write(_REFUSAL)
            self.transport.close()
