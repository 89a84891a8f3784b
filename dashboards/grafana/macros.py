"""Expands a panel's query as Grafana and its ClickHouse plugin do before they send it.

For tests and `make check-dashboards`; Grafana itself needs none of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

_MACRO = re.compile(
    r"\$__(?P<name>[a-zA-Z]\w*)\b(?:\((?P<arguments>[^()]*(?:\([^()]*\)[^()]*)*)\))?"
)
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<form>\w+))?\}")


class MacroError(Exception):
    """The plugin would refuse the query."""


@dataclass(frozen=True, kw_only=True)
class Picked:
    """The selected range, time zone and variables."""

    since: datetime
    until: datetime
    zone: str = "utc"
    """As Grafana writes it: an IANA name, or `utc`."""
    interval_seconds: int = 900
    """Grafana computes it from the range and the width of the panel."""
    variables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Values by variable. Variables without an entry are set to All."""


def expand(sql: str, picked: Picked, *, all_values: Mapping[str, str]) -> str:
    """The statement that reaches ClickHouse.

    Args:
        sql: the panel's query.
        picked: range, zone, interval and variables.
        all_values: the text for each variable's All, inserted unquoted.

    Raises:
        MacroError: an unknown macro or variable, or a wrong number of arguments.
    """
    return _MACRO.sub(lambda found: _macro(found, picked), _variables(sql, picked, all_values))


def _variables(sql: str, picked: Picked, all_values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, form = found["name"], found["form"]
        if name == "__timezone":
            return picked.zone
        if name not in all_values:
            raise MacroError(f"unknown variable ${{{name}}}")
        if name not in picked.variables:
            # A custom value of All is never quoted.
            return all_values[name]
        if form != "sqlstring":
            raise MacroError(f"${{{name}}} is not quoted")
        return ",".join("'" + one.replace("'", "''") + "'" for one in picked.variables[name])

    return _VARIABLE.sub(value, sql)


def _macro(found: re.Match[str], picked: Picked) -> str:
    name, text = found["name"], found["arguments"]
    if name in _PLAIN:
        rest = "" if text is None else f"({text})"
        return _PLAIN[name](picked) + rest
    if name not in _WITH_COLUMNS:
        raise MacroError(f"unknown macro $__{name}")
    count, make = _WITH_COLUMNS[name]
    columns = [part.strip() for part in (text or "").split(",")]
    if text is None or len(columns) != count:
        raise MacroError(f"$__{name} takes {count} arguments")
    return make(picked, columns)


def _seconds(moment: datetime) -> str:
    return f"toDateTime({int(moment.timestamp())})"


def _milliseconds(moment: datetime) -> str:
    return f"fromUnixTimestamp64Milli({int(moment.timestamp() * 1000)})"


def _day(moment: datetime) -> str:
    return f"toDate('{moment.astimezone(UTC):%Y-%m-%d}')"


def _between(column: str, render: Callable[[datetime], str], picked: Picked) -> str:
    return f"{column} >= {render(picked.since)} AND {column} <= {render(picked.until)}"


def _date_and_time(picked: Picked, columns: Sequence[str]) -> str:
    return f"({_between(columns[0], _day, picked)}) AND ({_between(columns[1], _seconds, picked)})"


_PLAIN: dict[str, Callable[[Picked], str]] = {
    "fromTime": lambda picked: _seconds(picked.since),
    "toTime": lambda picked: _seconds(picked.until),
    "fromTime_ms": lambda picked: _milliseconds(picked.since),
    "toTime_ms": lambda picked: _milliseconds(picked.until),
    "interval_s": lambda picked: str(max(picked.interval_seconds, 1)),
}
_WITH_COLUMNS: dict[str, tuple[int, Callable[[Picked, Sequence[str]], str]]] = {
    "timeFilter": (1, lambda picked, columns: _between(columns[0], _seconds, picked)),
    "timeFilter_ms": (1, lambda picked, columns: _between(columns[0], _milliseconds, picked)),
    "dateFilter": (1, lambda picked, columns: _between(columns[0], _day, picked)),
    "dateTimeFilter": (2, _date_and_time),
    "dt": (2, _date_and_time),
    "timeInterval": (
        1,
        lambda picked, columns: (
            f"toStartOfInterval(toDateTime({columns[0]}),"
            f" INTERVAL {max(picked.interval_seconds, 1)} second)"
        ),
    ),
    "timeInterval_ms": (
        1,
        lambda picked, columns: (
            f"toStartOfInterval(toDateTime64({columns[0]}, 3),"
            f" INTERVAL {max(picked.interval_seconds, 1) * 1000} millisecond)"
        ),
    ),
}
