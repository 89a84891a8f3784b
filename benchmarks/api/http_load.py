"""Closed-loop HTTP clients: each sends its next request after a response, on the same connection.

Supports just enough HTTP/1.1 for responses with a Content-Length.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"
TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, encoded once.

    Args:
        url: its address.
        headers: headers besides Host.
        is_right: whether a body is the expected one.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    is_right: Callable[[bytes], bool] = lambda _body: True

    def encoded(self) -> bytes:
        parts = urlsplit(self.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(slots=True)
class ApiLoad:
    """The result of a load run."""

    seconds: float = 0.0
    errors: int = 0
    latencies: list[float] = field(default_factory=list)
    """Seconds of every answer, right or wrong."""

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds below which this share of the answers was."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000


class Client(asyncio.Protocol):
    """One connection of one closed loop."""

    def __init__(
        self, question: HttpRequest, load: ApiLoad, *, until: float, most: int | None
    ) -> None:
        self._request = question.encoded()
        self._is_right = question.is_right
        self._load = load
        self._until = until
        self._left = most
        self._buffer = bytearray()
        self._asked_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 # of a TCP connection
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None  # noqa: S101 # set when the connection was made
        if time.perf_counter() >= self._until or self._left == 0:
            self._transport.close()
            return
        if self._left is not None:
            self._left -= 1
        self._asked_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(END_OF_HEAD)
        if head < 0:
            return
        start = head + len(END_OF_HEAD)
        end = start + _length(bytes(self._buffer[:head]))
        if len(self._buffer) < end:
            return
        self._load.latencies.append(time.perf_counter() - self._asked_at)
        is_ok = self._buffer.startswith(b"HTTP/1.1 200 ")
        if not is_ok or not self._is_right(bytes(self._buffer[start:end])):
            self._load.errors += 1
        del self._buffer[:end]
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None or self._buffer:
            self._load.errors += 1
        if not self.done.done():
            self.done.set_result(None)


async def closed_loop(
    question: HttpRequest,
    *,
    clients: int,
    seconds: float = TIMEOUT_SECONDS,
    most: int | None = None,
) -> ApiLoad:
    """Ask for some time, or `most` times with each client."""
    parts = urlsplit(question.url)
    loop = asyncio.get_running_loop()
    load = ApiLoad()
    begun = time.perf_counter()
    made = [
        await loop.create_connection(
            lambda: Client(question, load, until=begun + seconds, most=most),
            parts.hostname or "127.0.0.1",
            parts.port or 80,
        )
        for _ in range(clients)
    ]
    await asyncio.wait_for(
        asyncio.gather(*(client.done for _, client in made)), seconds + TIMEOUT_SECONDS
    )
    load.seconds = time.perf_counter() - begun
    return load


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(LENGTH) + len(LENGTH)
    end = lowered.find(b"\r\n", start)
    return int(lowered[start : end if end >= 0 else None])
