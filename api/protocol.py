"""The server's HTTP protocol, with a bound on what stands before a body. Knows no request.

The framework bounds the head of a request with one of its two parsers only; with the faster one
a client could fill the memory with a header that never ends.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD_BYTES = 64 << 10
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """Ends connections whose request line and headers do not end.

    What arrives is counted piece by piece (a piece is at most 256 KiB) while a head is open.
    """

    _head_bytes = 0
    _has_head = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
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
