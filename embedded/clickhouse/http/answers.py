"""Sends results: headers, compression, blocks, and errors after the response has begun."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import orjson
from aiohttp import web

from embedded.clickhouse.engine.connection import QueryProgress
from embedded.clickhouse.engine.execution import Execution
from embedded.clickhouse.engine.formats import content_type
from embedded.clickhouse.errors import Code, QueryError
from embedded.clickhouse.http.block_compression import BlockEncoder
from embedded.clickhouse.http.requests import RequestOptions
from embedded.content_coding import Chain, Encoder, negotiate

WRITE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Sent:
    """An answer, up to its last bytes: once a client has these, its session must be free."""

    response: web.StreamResponse
    error: QueryError | None = None
    """It came after the answer had begun."""
    writer: _Writer | None = None

    async def end(self, request: web.Request) -> web.StreamResponse:
        """Tell the client of the error, in the body. Otherwise the HTTP library ends it."""
        if self.error is not None and self.writer is not None:
            tag = self.response.headers["X-ClickHouse-Exception-Tag"]
            with suppress(TimeoutError, ConnectionError):
                await self.writer.write(_late_error(self.error, tag))
                await self.writer.finish()
            # Without the last chunk no client can take the answer for complete.
            if request.transport is not None:
                request.transport.close()
        return self.response


@dataclass(frozen=True)
class Result:
    """The beginning of a result; the execution has the rest when it is not complete."""

    beginning: list[bytes | memoryview] = field(default_factory=list)
    is_complete: bool = True
    output_format: str = ""


async def send(
    request: web.Request,
    execution: Execution,
    result: Result,
    *,
    options: RequestOptions,
    server_name: str,
    send_seconds: float,
) -> Sent:
    """Send a result block by block, unless it is small."""
    headers = {
        "Content-Type": content_type(result.output_format),
        "X-ClickHouse-Query-Id": execution.job.query_id,
        "X-ClickHouse-Server-Display-Name": server_name,
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Summary": _summary(execution.progress, execution.job.started),
        # Without it clients take rows that look like a late error for one.
        "X-ClickHouse-Exception-Tag": secrets.token_hex(8),
    }
    if options.wants_progress:
        headers["X-ClickHouse-Progress"] = headers["X-ClickHouse-Summary"]
    if result.output_format:
        headers["X-ClickHouse-Format"] = result.output_format
    encoder = encoder_for(options, headers)
    if result.is_complete and sum(map(len, result.beginning)) <= WRITE_BYTES:
        body = b"".join(result.beginning)
        if encoder is not None:
            body = encoder.encode(body) + encoder.finish()
        return Sent(web.Response(body=body, headers=headers))
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method == "HEAD":
        return Sent(response)
    writer = _Writer(response, encoder, send_seconds=send_seconds)
    error = await _stream(request, execution, result, writer)
    return Sent(response, error, writer)


def encoder_for(options: RequestOptions, headers: dict[str, str]) -> Encoder | None:
    """The encoder that the client asked for; `headers` gets its name."""
    encoders: list[Encoder] = []
    if options.block_method:
        encoders.append(BlockEncoder(options.block_method))
    if (coding := negotiate(options.accept_encoding)) is not None:
        headers["Content-Encoding"] = coding[0]
        encoders.append(coding[1])
    return Chain(encoders) if encoders else None


class _Writer:
    """Sends an answer piece by piece, to clients that read it."""

    def __init__(
        self, response: web.StreamResponse, encoder: Encoder | None, *, send_seconds: float
    ) -> None:
        self._response = response
        self._encoder = encoder
        self._send_seconds = send_seconds

    async def write(self, block: bytes | memoryview) -> None:
        """Raises TimeoutError: the client does not read."""
        view = memoryview(block)
        for start in range(0, len(view), WRITE_BYTES):
            piece = bytes(view[start : start + WRITE_BYTES])
            await self._send(self._encoder.encode(piece) if self._encoder is not None else piece)

    async def finish(self) -> None:
        if self._encoder is not None:
            await self._send(self._encoder.finish())

    async def _send(self, piece: bytes) -> None:
        if piece:
            async with asyncio.timeout(self._send_seconds):
                await self._response.write(piece)


async def _stream(
    request: web.Request,
    execution: Execution,
    result: Result,
    writer: _Writer,
) -> QueryError | None:
    try:
        for block in result.beginning:
            await writer.write(block)
        if not result.is_complete:
            while (piece := await execution.call(execution.next_block)) is not None:
                await writer.write(piece)
        await writer.finish()
    except QueryError as error:
        return error
    except TimeoutError:
        # Bytes not sent yet would keep the connection open.
        if request.transport is not None:
            request.transport.abort()
        return QueryError(Code.SOCKET_TIMEOUT, "the client stopped reading the answer")
    return None


def _late_error(error: QueryError, tag: str) -> bytes:
    message = f"{error.body}\n".encode("utf-8", "replace")
    opening = f"\r\n__exception__\r\n{tag}\r\n".encode()
    closing = f"{len(message)} {tag}\r\n__exception__\r\n".encode()
    return opening + message + closing


def _summary(progress: QueryProgress, started: float) -> str:
    elapsed = int((time.monotonic() - started) * 1e9)
    figures = {**asdict(progress), "total_rows_to_read": 0, "elapsed_ns": elapsed}
    return orjson.dumps({name: str(value) for name, value in figures.items()}).decode()
