"""The expansion of macros: what the ClickHouse plugin of Grafana sends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboards.grafana.macros import MacroError, Picked, expand

PICKED = Picked(
    since=datetime(2026, 3, 1, tzinfo=UTC),
    until=datetime(2026, 3, 2, 1, 0, 0, 500_000, tzinfo=UTC),
    zone="Asia/Kathmandu",
    interval_seconds=3600,
    variables={"model": ["small", "o'neil"]},
)
ALL = {"model": "'*'", "language": "'*'"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("$__fromTime", "toDateTime(1772323200)"),
        ("$__toTime", "toDateTime(1772413200)"),
        ("$__toTime_ms", "fromUnixTimestamp64Milli(1772413200500)"),
        ("$__interval_s", "3600"),
        (
            "$__timeFilter(at)",
            "at >= toDateTime(1772323200) AND at <= toDateTime(1772413200)",
        ),
        (
            "$__timeFilter_ms(at)",
            (
                "at >= fromUnixTimestamp64Milli(1772323200000)"
                " AND at <= fromUnixTimestamp64Milli(1772413200500)"
            ),
        ),
        ("$__dateFilter(day)", "day >= toDate('2026-03-01') AND day <= toDate('2026-03-02')"),
        (
            "$__dateTimeFilter(day, at)",
            (
                "(day >= toDate('2026-03-01') AND day <= toDate('2026-03-02'))"
                " AND (at >= toDateTime(1772323200) AND at <= toDateTime(1772413200))"
            ),
        ),
        (
            "$__timeInterval(at)",
            "toStartOfInterval(toDateTime(at), INTERVAL 3600 second)",
        ),
        (
            "$__timeInterval_ms(toDateTime(at))",
            "toStartOfInterval(toDateTime64(toDateTime(at), 3), INTERVAL 3600000 millisecond)",
        ),
        ("'${__timezone}'", "'Asia/Kathmandu'"),
        ("model IN (${model:sqlstring})", "model IN ('small','o''neil')"),
        ("language IN (${language:sqlstring})", "language IN ('*')"),
    ],
)
def test_a_macro_becomes_what_the_plugin_sends(given: str, sent: str) -> None:
    assert expand(given, PICKED, all_values=ALL) == sent


@pytest.mark.parametrize("given", ["$__nothing(at)", "$__timeFilter", "$__dt(one)", "${other}"])
def test_what_the_plugin_refuses_is_refused(given: str) -> None:
    with pytest.raises(MacroError):
        expand(given, PICKED, all_values=ALL)


def test_a_value_is_never_put_in_without_quotes() -> None:
    with pytest.raises(MacroError, match="not quoted"):
        expand("${model}", PICKED, all_values=ALL)
