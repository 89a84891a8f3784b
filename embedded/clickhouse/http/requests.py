"""Reads HTTP requests: credentials, settings, parameters, formats, the body."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import BasicAuth, web

from common.http.request_deadline import piece_within
from embedded.clickhouse.engine.input_rows import ExternalTable
from embedded.clickhouse.engine.sessions import SessionRequest
from embedded.clickhouse.errors import BodyError, Code, QueryError
from embedded.clickhouse.http.block_compression import BlockDecoder
from embedded.content_coding import DamagedBodyError, UnknownCodingError, decoder

MAX_PARAMETERS = 10_000
# Parameters of the URL that speak to the HTTP layer. Everything else is a setting of the query.
_TRANSPORT = frozenset(
    {"query", "query_id", "database", "default_format", "user", "password", "quota_key"}
    | {"session_id", "session_timeout", "session_check", "compress", "decompress"}
    | {"network_compression_method", "network_zstd_compression_level"}
    | {"wait_end_of_query", "buffer_size", "enable_http_compression", "stacktrace"}
    | {"http_zlib_compression_level", "client_protocol_version", "role", "close_session"}
    | {"send_progress_in_http_headers", "http_headers_progress_interval_ms"}
    | {"add_http_cors_header", "cancel_http_readonly_queries_on_client_close"}
)
_TABLE = re.compile("(.+)_(?:structure|types)")
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,256}")


@dataclass(frozen=True)
class RequestOptions:
    """One request without its body: from its URL and headers."""

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
    """The newest that the client can read; 0 when it does not say."""
    is_safe: bool
    """GET and HEAD must not change anything."""
    accept_encoding: str
    """Empty when HTTP is not to compress the answer."""
    block_method: str
    """LZ4 or ZSTD: the answer is to be ClickHouse's compressed blocks. Empty: it is not."""
    wants_progress: bool
    sends_blocks: bool
    """The body is ClickHouse's compressed blocks."""
    cancels_when_left: bool
    """A read ends when its client leaves."""
    session: SessionRequest | None
    tables: Mapping[str, str]
    """`<table>_structure`, `_types` and `_format` of tables that the body brings."""


def read_options(request: web.Request) -> RequestOptions:
    """Read URL and headers.

    Raises:
        QueryError: the request is contradictory or asks for something not offered.
    """
    _, _, raw_query = request.raw_path.partition("?")
    try:
        pairs = parse_qsl(
            raw_query,
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError as error:
        raise QueryError(Code.BAD_ARGUMENTS, f"the URL has too many parameters: {error}") from error
    url = dict(pairs)
    user, password = _credentials(request, url)
    if url.get("role"):
        raise QueryError(Code.UNKNOWN_ROLE, "the embedded server has no roles (leave out role)")
    tables = _described_tables(request, url)
    return RequestOptions(
        user=user or "default",
        password=password,
        has_credentials=bool(user or password),
        query=url.get("query", "").encode("utf-8", "surrogateescape"),
        query_id=_query_id(url.get("query_id") or request.headers.get("X-ClickHouse-Query-Id")),
        database=url.get("database") or request.headers.get("X-ClickHouse-Database") or "",
        default_format=url.get("default_format")
        or request.headers.get("X-ClickHouse-Format")
        or "TabSeparated",
        settings={
            name: value
            for name, value in url.items()
            if name not in _TRANSPORT and not name.startswith("param_") and name not in tables
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
        cancels_when_left=is_on(url.get("cancel_http_readonly_queries_on_client_close")),
        session=_session(url),
        tables=tables,
    )


def _described_tables(request: web.Request, url: Mapping[str, str]) -> dict[str, str]:
    """The parameters that describe external tables."""
    if request.content_type != "multipart/form-data":
        return {}
    names = [found[1] for found in map(_TABLE.fullmatch, url) if found]
    described = {f"{name}_{what}" for name in names for what in ("structure", "types", "format")}
    return {name: url[name] for name in described & url.keys()}


def is_on(value: str | None) -> bool:
    return value is not None and value.lower() in {"1", "true"}


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
    try:
        found = BasicAuth.decode(authorization)
    except ValueError as error:
        raise QueryError(
            Code.AUTHENTICATION_FAILED, "the Authorization header is not valid Basic authorization"
        ) from error
    # Any bytes, which the library reads as Latin-1.
    user, password = (part.encode("latin-1") for part in (found.login, found.password))
    return tuple(part.decode("utf-8", "surrogateescape") for part in (user, password))


def _session(url: Mapping[str, str]) -> SessionRequest | None:
    name = url.get("session_id")
    if not name:
        return None
    seconds = url.get("session_timeout", "60")
    if not re.fullmatch("[0-9]{1,9}", seconds):
        raise QueryError(Code.INVALID_SESSION_TIMEOUT, f"Invalid session timeout: {seconds}")
    return SessionRequest(
        name=name,
        seconds=int(seconds),
        must_exist=is_on(url.get("session_check")),
        ends=is_on(url.get("close_session")),
    )


class Body:
    """The request body, decoded, with its length bounded after decoding."""

    def __init__(self, request: web.Request, *, limit_bytes: int, is_blocks: bool = False) -> None:
        self._request = request
        self._blocks = BlockDecoder() if is_blocks else None
        self._limit = limit_bytes
        self._left = limit_bytes
        try:
            self._decoder = decoder(request.headers.get("Content-Encoding", ""))
        except UnknownCodingError as error:
            raise BodyError(Code.UNKNOWN_COMPRESSION_METHOD, str(error)) from error
        if (request.content_length or 0) > limit_bytes:
            raise self._too_large()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Decoded pieces as they arrive.

        Raises:
            BodyError: too large, damaged, cut off, or the client fell silent.
        """
        content = self._request.content
        try:
            while True:
                # An insert may take long, its client may not pause for long.
                async with piece_within():
                    raw = await content.readany()
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
        except TimeoutError as error:
            raise BodyError(
                Code.SOCKET_TIMEOUT, "the client stopped sending the request body"
            ) from error
        except DamagedBodyError as error:
            raise BodyError(Code.CANNOT_DECOMPRESS, str(error)) from error
        except (web.RequestPayloadError, ConnectionError) as error:
            raise BodyError(
                Code.CANNOT_DECOMPRESS, "the request body is malformed or cut off"
            ) from error
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


@dataclass
class Form:
    """A multipart form."""

    query: bytes = b""
    parameters: dict[str, str] = field(default_factory=dict)
    tables: list[ExternalTable] = field(default_factory=list)


async def read_form(request: web.Request, options: RequestOptions) -> Form:
    """The statement, the parameters and the external tables of a form.

    Raises:
        QueryError: the form is malformed, too large, or a table has no structure.
    """
    try:
        parts = await request.post()
    except web.HTTPRequestEntityTooLarge as error:
        raise BodyError(
            Code.BAD_ARGUMENTS, "the form is too large", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        ) from error
    except (ValueError, AssertionError) as error:
        raise QueryError(Code.BAD_ARGUMENTS, "the form is malformed") from error
    form = Form()
    for name, part in parts.items():
        content = part.file.read() if isinstance(part, web.FileField) else part
        content = content.encode() if isinstance(content, str) else bytes(content)
        if name == "query":
            form.query = content
        elif name.startswith("param_"):
            form.parameters[name.removeprefix("param_")] = content.decode(
                "utf-8", "surrogateescape"
            )
        else:
            form.tables.append(_external_table(name, content, options.tables))
    return form


def _external_table(name: str, rows: bytes, described: Mapping[str, str]) -> ExternalTable:
    structure = described.get(f"{name}_structure")
    if structure is None and (types := described.get(f"{name}_types")):
        structure = ", ".join(f"_{place} {one}" for place, one in enumerate(types.split(","), 1))
    if not structure:
        raise QueryError(
            Code.BAD_ARGUMENTS, f"neither {name}_structure nor {name}_types describes this table"
        )
    input_format = described.get(f"{name}_format", "TabSeparated")
    if not input_format.isidentifier():
        raise QueryError(Code.UNKNOWN_FORMAT, f"Unknown format {input_format}")
    return ExternalTable(name, structure, input_format, rows)
