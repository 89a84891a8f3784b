"""From locust's statistics to figures and a verdict. Starts nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOLD_TO_WAIT = "rate limit: told to wait"
NOT_JUDGED = ("login", "rate limit: ")
"""Prefixes. A login is slow on purpose: its password is hashed."""


@dataclass(frozen=True)
class LoadLimits:
    """LoadLimits above which a run fails."""

    p95_ms: float
    login_p95_ms: float


@dataclass(frozen=True)
class Scenario:
    """One kind of request."""

    requests: int
    errors: int
    rps: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """The last line. Percentiles are of every scenario but login and rate limit."""

    users: int
    seconds: float
    turns: int
    requests: int
    rps: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    login_p95_ms: float
    errors: int
    limited: int
    """Requests that were rightly told to wait."""
    rss_mib: int
    load_before: float
    """Load average of the machine over the last minute."""
    ok: bool
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)


def percentile(times: Mapping[float, int], share: float) -> float:
    """The least time that `share` of the requests did not exceed; 0 without requests."""
    wanted = share * sum(times.values())
    seen = 0
    for time, count in sorted(times.items()):
        seen += count
        if seen >= wanted:
            return time
    return 0.0


def judge(
    entries: Iterable[Mapping[str, Any]],
    *,
    limits: LoadLimits,
    users: int,
    seconds: float,
    turns: int,
    rss_mib: int,
    load_before: float,
) -> LoadResult:
    """The verdict over locust's entries (its `--json`), measured for so many seconds."""
    entries = list(entries)
    judged = [entry for entry in entries if not entry["name"].startswith(NOT_JUDGED)]
    scenarios = {entry["name"]: _scenario([entry], seconds) for entry in entries}
    whole = _scenario(judged, seconds)
    login = scenarios.get("login")
    limited = scenarios.get(TOLD_TO_WAIT)
    errors = sum(one.errors for one in scenarios.values())
    return LoadResult(
        users=users,
        seconds=seconds,
        turns=turns,
        requests=whole.requests,
        rps=whole.rps,
        mean_ms=whole.mean_ms,
        p50_ms=whole.p50_ms,
        p95_ms=whole.p95_ms,
        p99_ms=whole.p99_ms,
        login_p95_ms=login.p95_ms if login else 0.0,
        errors=errors,
        limited=limited.requests if limited else 0,
        rss_mib=rss_mib,
        load_before=load_before,
        ok=errors == 0
        and whole.requests > 0
        and whole.p95_ms <= limits.p95_ms
        and (login is None or login.p95_ms <= limits.login_p95_ms)
        and limited is not None,
        scenarios=scenarios,
    )


def _scenario(entries: list[Mapping[str, Any]], seconds: float) -> Scenario:
    times: Counter[float] = Counter()
    for entry in entries:
        times.update({float(time): count for time, count in entry["response_times"].items()})
    requests = sum(entry["num_requests"] for entry in entries)
    spent = sum(entry["total_response_time"] for entry in entries)
    return Scenario(
        requests=requests,
        errors=sum(entry["num_failures"] for entry in entries),
        rps=round(requests / seconds, 1),
        mean_ms=round(spent / requests, 1) if requests else 0.0,
        p50_ms=percentile(times, 0.5),
        p95_ms=percentile(times, 0.95),
        p99_ms=percentile(times, 0.99),
    )


def read_entries(path: Path) -> list[dict[str, Any]]:
    """The entries of locust's `--json-file`."""
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return entries
