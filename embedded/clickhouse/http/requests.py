"""What an HTTP request asks for: credentials, settings, parameters, formats, the body.

Knows aiohttp's request and ClickHouse's URL parameters; runs nothing.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import BodyPartReader, web

from common.http.request_deadline import piece_within
from embedded.clickhouse.errors import BodyError, Code, QueryError
from embedded.clickhouse.http.block_compression import BlockDecoder
from embedded.clickhouse.http.compression import decoder

MAXIMUM_PARAMETERS = 10_000
# Parameters of the URL that speak to the HTTP layer. Everything else is a setting of the query.
_TRANSPORT = frozenset(
    {"query", "query_id", "database", "default_format", "user", "password", "quota_key"}
    | {"session_id", "session_timeout", "session_check", "session_close", "compress", "decompress"}
    | {"network_compression_method", "network_zstd_compression_level"}
    | {"wait_end_of_query", "buffer_size", "enable_http_compression", "stacktrace"}
    | {"http_zlib_compression_level", "client_protocol_version", "role", "close_session"}
    | {"send_progress_in_http_headers", "http_headers_progress_interval_ms"}
    | {"add_http_cors_header", "cancel_http_readonly_queries_on_client_close"}
)
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,256}")


@dataclass(frozen=True)
class Question:
    """One request, its body apart."""

    user: str
    password: str
    has_credentials: bool
    query: bytes
    """The beginning of the statement, from the URL."""
    query_id: str
    database: str
    default_format: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    waits_for_end: bool
    protocol_revision: int
    """What the client can read; 0 when it does not say."""
    is_safe: bool
    """GET and HEAD must not change anything."""
    accept_encoding: str
    """Empty when HTTP is not to compress the answer."""
    block_method: str
    """LZ4 or ZSTD: the answer is to be ClickHouse's compressed blocks. Empty: it is not."""
    wants_progress: bool
    sends_blocks: bool
    """The body is ClickHouse's compressed blocks."""


def read_question(request: web.Request) -> Question:
    """Read URL and headers.

    Raises:
        QueryError: what the request asks for is contradictory or not offered.
    """
    _, _, raw_query = request.raw_path.partition("?")
    try:
        pairs = parse_qsl(
            raw_query,
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=MAXIMUM_PARAMETERS,
        )
    except ValueError as error:
        raise QueryError(Code.BAD_ARGUMENTS, f"the URL has too many parameters: {error}") from error
    url = dict(pairs)
    user, password = _credentials(request, url)
    _refuse_what_is_not_offered(url)
    return Question(
        user=user or "default",
        password=password,
        has_credentials=bool(user or password),
        query=_bytes(url.get("query", "")),
        query_id=_query_id(url.get("query_id") or request.headers.get("X-ClickHouse-Query-Id")),
        database=url.get("database") or request.headers.get("X-ClickHouse-Database") or "default",
        default_format=url.get("default_format")
        or request.headers.get("X-ClickHouse-Format")
        or "TabSeparated",
        settings={
            name: value
            for name, value in url.items()
            if name not in _TRANSPORT and not name.startswith("param_")
        },
        parameters={
            name.removeprefix("param_"): value
            for name, value in url.items()
            if name.startswith("param_")
        },
        waits_for_end=is_on(url.get("wait_end_of_query")),
        protocol_revision=_revision(url.get("client_protocol_version", "0")),
        is_safe=request.method in {"GET", "HEAD"},
        accept_encoding=request.headers.get("Accept-Encoding", "")
        if is_on(url.get("enable_http_compression"))
        else "",
        block_method=url.get("network_compression_method", "LZ4")
        if is_on(url.get("compress"))
        else "",
        wants_progress=is_on(url.get("send_progress_in_http_headers")),
        sends_blocks=is_on(url.get("decompress")),
    )


def is_on(value: str | None) -> bool:
    return value is not None and value.lower() in {"1", "true"}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _revision(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise QueryError(Code.BAD_ARGUMENTS, "client_protocol_version must be a number")
    return int(text)


def _query_id(asked: str | None) -> str:
    if not asked:
        return str(uuid4())
    if not _PRINTABLE.fullmatch(asked):
        raise QueryError(
            Code.BAD_ARGUMENTS, "query_id must be at most 256 printable ASCII characters"
        )
    return asked


def _credentials(request: web.Request, url: Mapping[str, str]) -> tuple[str, str]:
    headers = request.headers
    from_headers = "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers
    authorization = headers.get("Authorization")
    if authorization is not None:
        if from_headers:
            raise QueryError(
                Code.AUTHENTICATION_FAILED,
                "credentials must come from one place: Authorization or X-ClickHouse-User and -Key",
            )
        return _basic(authorization)
    if from_headers:
        return headers.get("X-ClickHouse-User", ""), headers.get("X-ClickHouse-Key", "")
    return url.get("user", ""), url.get("password", "")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise QueryError(Code.AUTHENTICATION_FAILED, "only Basic authorization is offered")
    try:
        decoded = b64decode(encoded.strip(), validate=True).decode("utf-8", "surrogateescape")
    except (Base64Error, ValueError) as error:
        raise QueryError(
            Code.AUTHENTICATION_FAILED, "the Authorization header is not valid Basic authorization"
        ) from error
    user, _, password = decoded.partition(":")
    return user, password


def _refuse_what_is_not_offered(url: Mapping[str, str]) -> None:
    if is_on(url.get("session_check")):
        raise QueryError(
            Code.SESSION_NOT_FOUND,
            "Session not found: the embedded server keeps no sessions (leave out session_check)",
        )
    if url.get("role"):
        raise QueryError(Code.UNKNOWN_ROLE, "the embedded server has no roles (leave out role)")


class Body:
    """The request body, decoded, with its length bounded after decoding."""

    def __init__(self, request: web.Request, *, limit_bytes: int, is_blocks: bool = False) -> None:
        self._request = request
        self._blocks = BlockDecoder() if is_blocks else None
        self._limit = limit_bytes
        self._left = limit_bytes
        self._decoder = decoder(request.headers.get("Content-Encoding", ""))
        declared = request.content_length
        if declared is not None and declared > limit_bytes:
            raise self._too_large()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Decoded pieces as they arrive.

        Raises:
            BodyError: too large, damaged, cut off, or the client fell silent.
        """
        content = self._request.content
        while True:
            try:
                # An insert may take long, its client may not pause for long.
                async with piece_within():
                    raw = await content.readany()
            except TimeoutError as error:
                raise BodyError(
                    Code.SOCKET_TIMEOUT, "the client stopped sending the request body"
                ) from error
            except (web.RequestPayloadError, ConnectionError) as error:
                raise BodyError(
                    Code.CANNOT_DECOMPRESS, "the request body is malformed or cut off"
                ) from error
            if not raw:
                break
            for piece in self._decoded(raw):
                self._left -= len(piece)
                if self._left < 0:
                    raise self._too_large()
                yield piece
                if len(piece) > len(raw):
                    # It expands: other requests get their turn between the pieces.
                    await asyncio.sleep(0)
        self._decoder.close()
        if self._blocks is not None:
            self._blocks.close()

    def _decoded(self, raw: bytes) -> Iterator[bytes]:
        for piece in self._decoder.feed(raw):
            if self._blocks is None:
                yield piece
            else:
                yield from self._blocks.feed(piece)

    def _too_large(self) -> BodyError:
        return BodyError(
            Code.BAD_ARGUMENTS,
            f"the request body is larger than {self._limit} bytes",
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )


async def read_form(request: web.Request, *, limit_bytes: int) -> tuple[bytes, dict[str, str]]:
    """The statement and the parameters of a multipart form.

    Raises:
        QueryError: the form is malformed, too large, or carries an external table.
    """
    query = b""
    parameters: dict[str, str] = {}
    left = limit_bytes
    try:
        reader = await request.multipart()
        async for part in reader:
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise QueryError(Code.BAD_ARGUMENTS, "a part of the form has no name")
            content = bytearray()
            while piece := await part.read_chunk():
                left -= len(piece)
                if left < 0:
                    raise BodyError(
                        Code.BAD_ARGUMENTS,
                        f"the form is larger than {limit_bytes} bytes",
                        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    )
                content += piece
            if part.name == "query":
                query = bytes(content)
            elif part.name.startswith("param_"):
                parameters[part.name.removeprefix("param_")] = content.decode(
                    "utf-8", "surrogateescape"
                )
            else:
                raise QueryError(
                    Code.NOT_IMPLEMENTED,
                    "external tables are not offered by the embedded server: insert the rows"
                    " into a table, or pass them as an array parameter",
                )
    except (ValueError, AssertionError) as error:
        raise QueryError(Code.BAD_ARGUMENTS, "the form is malformed") from error
    return query, parameters
