"""The queries that panels share: one row, a series, a list; never without a row."""

from __future__ import annotations

from dashboards.grafana.binding import SERIES, bound, day_start, figures, query

PERCENTILES = ("p50", "p90", "p95", "p99")


def one_row(report: str, **columns: str) -> str:
    """Figures from a report of one row."""
    return query(f"SELECT {_columns(columns)}\nFROM (\n{bound(report)}\n)")


def total(**columns: str) -> str:
    """Figures of the whole range; zeros without a turn."""
    # Only the row of the span is shown, so that no day needs its midnight.
    no_buckets = {name: SERIES[name] for name in ("whole_days", "midnights")}
    return _listed(_figures(columns, **no_buckets), columns, tail=" AND found.start = 0")


def listed(report: str, *, columns: dict[str, str], tail: str = "", **overrides: str) -> str:
    """Rows of a report; one row of zeros when it has none."""
    return _listed(bound(report, **overrides), columns, tail=tail)


def _figures(columns: dict[str, str], **overrides: str) -> str:
    return figures(new_users="new_users" in _columns(columns), **overrides)


def _listed(sql: str, columns: dict[str, str], *, tail: str) -> str:
    return query(
        f"SELECT {_columns(columns)}\n"
        "FROM (SELECT 1 AS present) AS always\n"
        f"LEFT JOIN (SELECT 1 AS present, * FROM (\n{sql}\n)) AS found"
        f" ON found.present = always.present{tail}"
    )


def series(**columns: str) -> str:
    """Figures per bucket of the picker's zone, zeros in empty ones."""
    return query(
        f"SELECT toDateTime(edge, 'UTC') AS time, {_columns(columns)}\n"
        "FROM (SELECT arrayJoin(bucket_edges) AS edge) AS spine\n"
        f"LEFT JOIN (\n{_figures(columns, **SERIES)}\n) AS points"
        " ON points.start = spine.edge\n"
        "ORDER BY time"
    )


def day_series(report: str, key: str, *, columns: dict[str, str], **overrides: str) -> str:
    """Figures per day of the report zone, zeros on empty days."""
    return query(
        f"SELECT {day_start('spine.day')} AS time, {_columns(columns)}\n"
        "FROM (SELECT toDate(arrayJoin(range(toUInt32(first_touched),"
        " toUInt32(last_touched + 1)))) AS day) AS spine\n"
        f"LEFT JOIN (\n{bound(report, **overrides)}\n) AS points"
        f" ON toDate(points.{key}) = spine.day\n"
        "ORDER BY time"
    )


def records(*, columns: dict[str, str], table: str, moment: str, tail: str = "") -> str:
    """Per bucket of the picker, over a table of the pipelines' own records; zeros when empty."""
    return query(
        f"SELECT toDateTime(edge, 'UTC') AS time, {_columns(columns)}\n"
        "FROM (SELECT arrayJoin(bucket_edges) AS edge) AS spine\n"
        f"LEFT JOIN (SELECT roundDown(toUnixTimestamp({moment}), bucket_edges) AS start, *\n"
        f"    FROM {table} WHERE $__timeFilter({moment}) {tail}) AS found"
        " ON found.start = spine.edge\n"
        "GROUP BY edge\nORDER BY time"
    )


def share(part: str, whole: str) -> str:
    """0 when there is no whole."""
    return f"if({whole} = 0, 0, toFloat64({part}) / toFloat64({whole}))"


IS_COST_UNKNOWN = "unpriced > 0 AND priced = 0"
COST = f"if({IS_COST_UNKNOWN}, NULL, toFloat64(cost_usd))"
"""Empty when no cost at all is known."""


def cost_per(whole: str) -> str:
    """Empty when no cost at all is known; 0 when there is no whole."""
    return f"if({IS_COST_UNKNOWN}, NULL, {share('cost_usd', whole)})"


def percentile(state: str, name: str) -> str:
    """Milliseconds; 0 when nothing was measured."""
    return f"ifNotFinite({state}[{PERCENTILES.index(name) + 1}], 0)"


def named(column: str, empty: str) -> str:
    """A value to read instead of an empty one."""
    return f"if({column} = '', '{empty}', toString({column}))"


def _columns(columns: dict[str, str]) -> str:
    return ", ".join(f"{expression} AS `{title}`" for title, expression in columns.items())
