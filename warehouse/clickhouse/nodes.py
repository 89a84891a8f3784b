"""The nodes of ClickHouse that a process may ask, and which one it asks now."""

from __future__ import annotations

import threading
from functools import cache
from urllib.parse import urlsplit

from common.log import get_logger
from warehouse.errors import WarehouseUnavailableError

log = get_logger(__name__)


class Nodes:
    """One node is asked until it does not answer; then the next one. Safe for threads.

    Args:
        urls: of the nodes, each with login and database.
    """

    def __init__(self, urls: tuple[str, ...]) -> None:
        self.urls = urls
        self._used = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The node to ask."""
        return self.urls[self._used]

    def leave(self, url: str, error: WarehouseUnavailableError, *, name: str) -> None:
        """Ask the next node from now on, unless this one was left already.

        Args:
            url: of the node that did not answer.
            error: as it was raised.
            name: of the statement.
        """
        cause = str(error.__cause__ or error)[:500]
        if len(self.urls) == 1:
            log.warning("warehouse unavailable", statement=name, cause=cause)
            return
        with self._lock:
            if url != self.url:
                return
            self._used = (self._used + 1) % len(self.urls)
        log.warning(
            "clickhouse_node_left",
            node=_host(url),
            next=_host(self.url),
            statement=name,
            cause=cause,
        )


@cache
def shared_nodes(urls: tuple[str, ...]) -> Nodes:
    """One for the process, so that a connection made later does not try a lost node again."""
    return Nodes(urls)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
