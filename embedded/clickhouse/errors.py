"""Errors of a request, with ClickHouse's own codes.

QueryError
├── BodyError         the request body is too large, damaged or cut off
└── (any other code)  as the engine or the protocol names it
"""

from __future__ import annotations

import re
from enum import IntEnum
from http import HTTPStatus

from common.errors import DialyticsError


class Code(IntEnum):
    """ClickHouse's error codes that this server raises or treats in a particular way."""

    BAD_ARGUMENTS = 36
    NOT_IMPLEMENTED = 48
    UNKNOWN_TABLE = 60
    SYNTAX_ERROR = 62
    UNKNOWN_FORMAT = 73
    CANNOT_DECOMPRESS = 271
    UNKNOWN_DATABASE = 81
    UNKNOWN_COMPRESSION_METHOD = 89
    UNKNOWN_SETTING = 115
    CHECKSUM_DOESNT_MATCH = 40
    TOO_LARGE_SIZE_COMPRESSED = 239
    TIMEOUT_EXCEEDED = 159
    READONLY = 164
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    SOCKET_TIMEOUT = 209
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING = 216
    MEMORY_LIMIT_EXCEEDED = 241
    SESSION_NOT_FOUND = 372
    SESSION_IS_LOCKED = 373
    INVALID_SESSION_TIMEOUT = 374
    INVALID_USAGE_OF_INPUT = 477
    HTTP_LENGTH_REQUIRED = 381
    QUERY_WAS_CANCELLED = 394
    SETTING_CONSTRAINT_VIOLATION = 452
    ACCESS_DENIED = 497
    UNKNOWN_ROLE = 511
    AUTHENTICATION_FAILED = 516
    ABORTED = 236
    TOO_MANY_ROWS_OR_BYTES = 396
    STD_EXCEPTION = 1001


_STATUS: dict[int, HTTPStatus] = {
    Code.AUTHENTICATION_FAILED: HTTPStatus.FORBIDDEN,
    Code.UNKNOWN_TABLE: HTTPStatus.NOT_FOUND,
    Code.UNKNOWN_DATABASE: HTTPStatus.NOT_FOUND,
    Code.NOT_IMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    Code.SOCKET_TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
    Code.TIMEOUT_EXCEEDED: HTTPStatus.REQUEST_TIMEOUT,
    Code.TOO_MANY_SIMULTANEOUS_QUERIES: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.ABORTED: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.READONLY: HTTPStatus.FORBIDDEN,
    Code.ACCESS_DENIED: HTTPStatus.FORBIDDEN,
    Code.UNKNOWN_COMPRESSION_METHOD: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.CANNOT_DECOMPRESS: HTTPStatus.BAD_REQUEST,
    Code.HTTP_LENGTH_REQUIRED: HTTPStatus.LENGTH_REQUIRED,
}
# The caller's mistakes that ClickHouse answers with 400: parsing, names, types, settings.
_BAD_REQUEST = frozenset(
    {6, 16, 26, 27, 34, 36, 38, 40, 41, 42, 43, 46, 47, 50, 53, 62, 63, 70, 72, 73, 115, 117}
    | {215, 216, 239, 372, 374, 386, 441, 452, 456, 457, 477, 511}
)
_ENGINE_MESSAGE = re.compile(r"Code: (?P<code>\d+)\. (?P<text>.*)", re.DOTALL)
_VERSION = re.compile(r" \(version [\d.]+\)")


class QueryError(DialyticsError):
    """A request that ends in an error. The message is what the client reads."""

    def __init__(self, code: int, text: str, *, status: HTTPStatus | None = None) -> None:
        self.code = code
        self.status = status or _status_of(code)
        super().__init__(text)

    @property
    def body(self) -> str:
        """The message as ClickHouse words it."""
        text = str(self)
        if text.startswith("Code: "):
            return text
        # Clients find the kind of an error by the name at its end.
        return f"Code: {self.code}. DB::Exception: {text}. ({Code(self.code).name})"


class BodyError(QueryError):
    """The request body cannot be read to its end."""


def _status_of(code: int) -> HTTPStatus:
    if code in _BAD_REQUEST:
        return HTTPStatus.BAD_REQUEST
    return _STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)


# A message that quotes bytes outside UTF-8 reaches Python as a UnicodeDecodeError around it.
ENGINE_ERRORS = (RuntimeError, UnicodeDecodeError)


_PLACE = re.compile(r"(?<=\bposition )\d+|(?<=\(line 1, col )\d+")


def from_engine(error: RuntimeError | UnicodeDecodeError, *, shift: int = 0) -> QueryError:
    """The engine's exception, with the code in its message.

    Args:
        error: as the engine raised it.
        shift: how many bytes come before the client's text in the first line of the engine's.
    """
    if isinstance(error, UnicodeDecodeError):
        text = error.object.decode("utf-8", "replace")
    else:
        text = str(error)
    message = _VERSION.sub("", text).strip()
    found = _ENGINE_MESSAGE.search(message)
    if found is None:
        return QueryError(Code.STD_EXCEPTION, message or "the engine gave no reason")
    code, message = int(found["code"]), message[found.start() :]
    if code == Code.SYNTAX_ERROR and shift:
        message = _PLACE.sub(lambda place: str(int(place[0]) - shift), message)
    return QueryError(code, message)
