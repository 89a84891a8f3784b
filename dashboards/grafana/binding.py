"""Binds a report's own statement to the macros and variables of Grafana.

A panel has no SQL truth of its own: it runs `warehouse/sql/reports/<name>.sql`, the file behind
the API, with every `{parameter:Type}` replaced by an expression over the picker's range and zone.
Knows no Grafana objects.
"""

from __future__ import annotations

import re

from warehouse.statements import statement

VARIABLES = ("bot_id", "chat_type", "language", "model")
"""Dashboard variables that narrow a report. All of a variable is `'*'`."""

# The picker's range on whole quarters of an hour, the finest that the rollups know.
SINCE = "toStartOfFifteenMinutes($__fromTime)"
UNTIL = "toDateTime($__toTime)"
ZONE = "if('${__timezone}' = 'utc', 'UTC', '${__timezone}')"
# Grafana's interval, on whole quarters of an hour.
STEP = "intDiv($__interval_s + 899, 900) * 900"
NARROWED = (
    "NOT ('*' IN (${chat_type:sqlstring}) AND '*' IN (${language:sqlstring})"
    " AND '*' IN (${model:sqlstring}))"
)
"""Whether a filter reaches beyond what is kept per bot."""

_HEAD = "argMax({column}, tuple(epoch, watermark, publication))"


def _head(column: str) -> str:
    """Of the newest publication; day 1970-01-01 is the publication itself."""
    newest = _HEAD.format(column=column)
    return f"assumeNotNull((SELECT {newest} FROM published WHERE day = toDate(0)))"


PREAMBLE = {
    "report_zone": (
        f"assumeNotNull((SELECT if(count() = 0, 'UTC', {_HEAD.format(column='zone')})"
        " FROM published WHERE day = toDate(0)))"
    ),
    "ledger_epoch": _head("epoch"),
    "ledger_watermark": _head("watermark"),
    "last_publication": _head("publication"),
    # Confirmed again and again while nothing new is published.
    "ledger_through": (
        f"assumeNotNull((SELECT {_HEAD.format(column='data_through')} FROM snapshots))"
    ),
    # One scalar: whatever is published meanwhile, the whole panel rests on one snapshot.
    "published_builds": "(SELECT groupArray(tuple(day, version)) FROM builds)",
    # Days that keep older numbers: since and until in Unix seconds, and up to which version.
    "held_days": (
        "(SELECT groupArray(tuple(toInt64(toUnixTimestamp(toDateTime(day, report_zone))),"
        " toInt64(toUnixTimestamp(toDateTime(day + 1, report_zone))), watermark))"
        " FROM builds WHERE withheld)"
    ),
    "picked_since": SINCE,
    "picked_until": UNTIL,
    "picked_zone": ZONE,
    "picked_step": STEP,
    "first_touched": "toDate(picked_since, report_zone)",
    "last_touched": "toDate(picked_until - 1, report_zone)",
    # Whole days of the report zone come from the daily tier.
    "first_whole": (
        "first_touched + toUInt8(toStartOfDay(toDateTime(picked_since, report_zone))"
        " < picked_since)"
    ),
    "last_whole": "toDate(picked_until, report_zone) - 1",
    "ledger_today": "toDate(ledger_through, report_zone)",
    # Starts of the buckets on the picker's clock: days, Mondays and months are those of its zone.
    "bucket_edges": (
        "arraySort(arrayDistinct(arrayMap(moment -> greatest(toUnixTimestamp(picked_since),"
        " toUInt32(multiIf("
        "picked_step >= 2592000, toUnixTimestamp(toDateTime(toStartOfMonth("
        "toDateTime(moment, picked_zone)), picked_zone)),"
        " picked_step >= 604800, toUnixTimestamp(toDateTime(toMonday("
        "toDateTime(moment, picked_zone)), picked_zone)),"
        " picked_step >= 86400, toUnixTimestamp(toStartOfDay(toDateTime(moment, picked_zone))),"
        " toUnixTimestamp(toStartOfDay(toDateTime(moment, picked_zone)))"
        " + intDiv(moment - toUnixTimestamp(toStartOfDay(toDateTime(moment, picked_zone))),"
        " picked_step) * picked_step))),"
        " range(toUnixTimestamp(picked_since), toUnixTimestamp(picked_until), 900))))"
    ),
    "people_narrowed": NARROWED,
    # Days of the report zone, one more before the first to compare it with.
    "day_edges": (
        "arrayMap(day -> tuple(toUInt32(day), toUInt32(1), toUInt32(1)),"
        " range(toUInt32(first_touched - 1), toUInt32(last_touched + 1)))"
    ),
}

PARAMETERS = {
    "since": "picked_since",
    "until": "picked_until",
    "builds": "published_builds",
    "held_back": "held_days",
    "edges": "arrayMap(edge -> tuple(edge, toUInt32(1), toUInt32(1)), bucket_edges)",
    "first_day": "first_whole",
    "last_day": "last_whole",
    "tz": "picked_zone",
    "epoch": "ledger_epoch",
    "watermark": "ledger_watermark",
    "today": "ledger_today",
    "publication": "last_publication",
    "is_narrowed": "people_narrowed",
}

TOUCHED_DAYS = {"first_day": "first_touched", "last_day": "last_touched"}
"""For reports that count whole days of the report zone."""

_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
_FILTER = re.compile(
    r"\(\{(?P<name>\w+):Nullable\(\w+\)\} IS NULL\s+OR (?P<column>.+?) = \{(?P=name):[^}]+\}\)"
)
_PARAMETER = re.compile(r"(?<!\$)\{(?P<name>\w+):[^}]+\}")
_NAME = re.compile(r"[a-z]+_[a-z]+\b")


def bound(report: str, **overrides: str) -> str:
    """The report's statement over the picker's range; `overrides` are expressions by parameter.

    Raises:
        KeyError: the statement has a parameter that nothing is bound to.
    """
    expressions = {**PARAMETERS, **overrides}
    text = _COMMENT.sub("", statement(f"reports/{report}") + "\n").strip()
    text = _FILTER.sub(_by_variable, text)
    return _PARAMETER.sub(lambda found: expressions[found["name"]], text)


def query(select: str) -> str:
    """The whole query of a panel: `select`, after the definitions that it needs."""
    needed: set[str] = set()
    pending = [select]
    while pending:
        names = {name for name in _NAME.findall(pending.pop()) if name in PREAMBLE}
        pending += [PREAMBLE[name] for name in names - needed]
        needed |= names
    lines = [f"    {PREAMBLE[name]} AS {name}" for name in PREAMBLE if name in needed]
    return ("WITH\n" + ",\n".join(lines) + "\n" if lines else "") + select


def titled(sql: str, title: str) -> str:
    """The query with what it is for as its `log_comment`, as ClickHouse's query log shows it."""
    comment = f"grafana {title}".replace("'", "")
    return f"{sql}\nSETTINGS log_comment = '{comment}'"


def _by_variable(found: re.Match[str]) -> str:
    name, column = found["name"], found["column"]
    chosen = f"(${{{name}:sqlstring}})"
    return f"('*' IN {chosen} OR toString({column}) IN {chosen})"
