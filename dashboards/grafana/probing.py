"""Runs the panels' queries as Grafana would, and describes the answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from dashboards.grafana.board import ALL_VALUES, MODEL_CHANGES, VARIABLE_QUERIES, Board
from dashboards.grafana.macros import Picked, expand
from dashboards.grafana.panels import Panel


@dataclass(frozen=True)
class Answer:
    """ClickHouse's answer to one query."""

    columns: tuple[tuple[str, str], ...]
    """Names and types."""
    rows: tuple[tuple[Any, ...], ...]
    milliseconds: float


class QueryRefusedError(Exception):
    """ClickHouse's error message."""


class Asker:
    """Asks ClickHouse over HTTP, as the user of the URL.

    Args:
        url: `http://reader:<password>@host:port/<database>`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = httpx.Client(
            base_url=f"{parts.scheme}://{parts.hostname}:{parts.port}",
            auth=(parts.username or "", parts.password or ""),
            params={"database": parts.path.strip("/"), "default_format": "JSONCompact"},
            timeout=60,
        )

    def ask(self, sql: str, picked: Picked) -> Answer:
        """Expand and run one query.

        Raises:
            QueryRefusedError: ClickHouse refuses it.
            MacroError: the plugin would.
        """
        text = expand(sql, picked, all_values=ALL_VALUES)
        started = time.perf_counter()
        answer = self._http.post("/", content=text.encode())
        spent = (time.perf_counter() - started) * 1000
        if answer.status_code != httpx.codes.OK:
            raise QueryRefusedError(answer.text.strip())
        body = json.loads(answer.text)
        return Answer(
            columns=tuple((column["name"], column["type"]) for column in body["meta"]),
            rows=tuple(tuple(row) for row in body["data"]),
            milliseconds=spent,
        )

    def close(self) -> None:
        self._http.close()


def clickhouse_panels(boards: Sequence[Board]) -> Iterator[tuple[Board, Panel]]:
    """Every panel that asks ClickHouse, with its dashboard."""
    for board in boards:
        for panel in board.panels:
            if panel.is_clickhouse:
                yield board, panel


def helper_queries() -> dict[str, str]:
    """Queries of dashboards besides those of panels: values of variables, annotations."""
    return {
        **{f"variable {name}": sql for name, sql in VARIABLE_QUERIES.items()},
        "annotation": MODEL_CHANGES,
    }
