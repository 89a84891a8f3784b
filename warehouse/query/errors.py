"""The error of a query that is not valid."""

from __future__ import annotations

from common.errors import DialyticsError


class InvalidQueryError(DialyticsError):
    """The query is not valid. `path` is the place, as in `filters[0][2]`."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}")
