"""What a report needs from the door to ClickHouse, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Reader(Protocol):
    """Runs named statements under the reader's rights and limits."""

    async def rows(
        self, name: str, sql: str, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Run one SELECT; `name` is its log_comment. Rows as dictionaries by column."""

    async def explain(self, name: str, sql: str, parameters: Mapping[str, Any]) -> str:
        """The plan of the same SELECT."""
