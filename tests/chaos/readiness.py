"""Tells when the target of a fault works again: it must do its work, not only run."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from embedded.stack.readiness import Probe

NEWEST_PUBLICATION = "SELECT toUnixTimestamp64Milli(max(published_at)) / 1000 FROM published"
NEEDED_FOR_DATA = frozenset(
    {"clickhouse", "postgres", "dagster-daemon", "dagster-code", "batch", "simulator", "bot"}
)
"""Programs needed to publish new data: recovered once a publication is newer than the fault."""


class StackReadiness:
    """Probes of the programs, and of the publications that they make together.

    Args:
        probes: the probe of each program.
        clickhouse_url: URL of a reader.
    """

    def __init__(self, probes: Mapping[str, Probe], *, clickhouse_url: str) -> None:
        self._probes = probes
        self._clickhouse_url = clickhouse_url

    def __call__(self, target: str, since: float) -> bool:
        probe = self._probes.get(target)
        if probe is not None and not probe():
            return False
        return target not in NEEDED_FOR_DATA or self._published_at() > since

    def _published_at(self) -> float:
        """Unix seconds of the newest publication; 0 when ClickHouse does not answer."""
        try:
            answer = httpx.post(self._clickhouse_url, content=NEWEST_PUBLICATION, timeout=5)
            return float(answer.text) if answer.status_code == httpx.codes.OK else 0.0
        except (httpx.HTTPError, ValueError):
            return 0.0
