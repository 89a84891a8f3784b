"""Errors of ClickHouse, by how a caller handles them.

WarehouseError
├── WarehouseUnavailableError  not reachable, refused, or cut off: try again later
│   └── ServerTooOldError      until it is upgraded
├── QueryTooExpensiveError     over a limit of time, memory or rows: ask for less
└── QueryFailedError           refused by ClickHouse: a defect of ours or a missing migration

Messages never carry query text; the log does.
"""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import Error

from common.errors import DialyticsError
from common.log import get_logger

log = get_logger(__name__)

# Limits of rows, time, speed, memory and bytes; a query killed by the server's memory tracker.
_LIMIT_CODES = frozenset({158, 159, 160, 241, 307, 396, 427, 470})
# Wrong user or password; the server is starting, stopping or has too many queries; a quorum of
# replicas is missing, or another insert waits for one.
_UNAVAILABLE_CODES = frozenset({202, 209, 210, 236, 242, 279, 285, 286, 289, 319, 373, 516, 999})


class WarehouseError(DialyticsError):
    """Root of the errors of the warehouse."""


class WarehouseUnavailableError(WarehouseError):
    """ClickHouse does not answer."""


class ServerTooOldError(WarehouseUnavailableError):
    """ClickHouse is older than this project needs. The message is one line that says so."""


class QueryTooExpensiveError(WarehouseError):
    """The query exceeded its limits."""


class QueryFailedError(WarehouseError):
    """ClickHouse refused the statement."""

    def __init__(self, name: str, code: int | None) -> None:
        self.code = code
        super().__init__(f"statement {name} failed (ClickHouse code {code or 'unknown'})")


def translate(error: Exception, *, name: str) -> WarehouseError:
    """Our error for the driver's. The driver's text is only logged."""
    code = error.code if isinstance(error, Error) else None
    if code in _LIMIT_CODES:
        return QueryTooExpensiveError(f"statement {name} exceeded its limits")
    if code is None or code in _UNAVAILABLE_CODES:
        # The caller logs: only it knows whether another node answers.
        return WarehouseUnavailableError("ClickHouse does not answer")
    log.error("statement failed", statement=name, code=code, cause=str(error)[:2000])
    return QueryFailedError(name, code)
