"""When a victim of the storm works again: not that it runs, but that its work gets done."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from embedded.stack.readiness import Probe

FRESH = "SELECT toUnixTimestamp64Milli(max(published_at)) / 1000 FROM published"
MOVES_DATA = frozenset(
    {"clickhouse", "postgres", "dagster-daemon", "dagster-code", "batch", "simulator", "bot"}
)
"""What new numbers depend on: recovered once a publication is newer than the blow."""


class StackReadiness:
    """Probes of the programs, and of what they do together.

    Args:
        probes: per program, its own test.
        clickhouse_url: of a reader.
    """

    def __init__(self, probes: Mapping[str, Probe], *, clickhouse_url: str) -> None:
        self._probes = probes
        self._clickhouse_url = clickhouse_url

    def __call__(self, victim: str, since: float) -> bool:
        probe = self._probes.get(victim)
        if probe is not None and not probe():
            return False
        return victim not in MOVES_DATA or self._published_at() > since

    def _published_at(self) -> float:
        """Unix seconds of the newest publication; 0 when nobody can say."""
        try:
            answer = httpx.post(self._clickhouse_url, content=FRESH, timeout=5)
            return float(answer.text) if answer.status_code == httpx.codes.OK else 0.0
        except (httpx.HTTPError, ValueError):
            return 0.0
