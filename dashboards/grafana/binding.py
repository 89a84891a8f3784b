"""Binds the SQL of a report to Grafana's macros and variables.

Panels have no SQL of their own. They run `warehouse/sql/reports/<name>.sql`, the same file as the
API, with every `{parameter:Type}` replaced by an expression over the picker's range and zone.
"""

from __future__ import annotations

import re

from warehouse.clickhouse.statements import kept, statement
from warehouse.reports.figures import TIER_GROUPS, narrowed_sql

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


def _chosen(variable: str) -> str:
    """The values of a dashboard variable, none when it is on All."""
    values = f"${{{variable}:sqlstring}}"
    return f"if('*' IN ({values}), [], [{values}])"


def _head(column: str) -> str:
    """A column of the newest publication, whose own row has the day 1970-01-01."""
    newest = _HEAD.format(column=column)
    return f"assumeNotNull((SELECT {newest} FROM published WHERE day = toDate(0)))"


def _ahead(moment: str, clock: str) -> str:
    """How many seconds a clock is ahead of UTC at a moment, see common/zones.py."""
    seconds = f"toUnixTimestamp({moment})"
    changes, offsets = f"{clock}.1", f"{clock}.2"
    return f"transform(roundDown({seconds}, {changes}), {changes}, {offsets}, toInt32(0))"


def report_day(moment: str) -> str:
    """The day of the report zone that holds a moment, by the clock of the publication."""
    return f"toDate(intDiv(toUnixTimestamp({moment}) + {_ahead(moment, 'report_clock')}, 86400))"


def day_start(day: str) -> str:
    """The first moment of a day of the report zone: `Clock.day_start` in SQL."""
    return (
        "toDateTime(arrayMin(arrayMap((change, ahead, until) ->"
        f" if(greatest(toInt64(change), toInt64(toUInt32({day})) * 86400 - ahead) < until,"
        f" greatest(toInt64(change), toInt64(toUInt32({day})) * 86400 - ahead), 4294967295),"
        " report_clock.1, report_clock.2,"
        " arrayPushBack(arrayPopFront(report_clock.1), 4294967295))), 'UTC')"
    )


PREAMBLE = {
    # Nothing was published yet, or before publications said so: as in UTC.
    "report_clock": (
        "assumeNotNull((SELECT if(empty(newest.1), tuple([toUInt32(0)], [toInt32(0)]), newest)"
        " FROM (SELECT "
        + _HEAD.format(column="tuple(clock_changes, clock_offsets)")
        + " AS newest FROM published WHERE day = toDate(0))))"
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
        f"(SELECT groupArray(tuple(toInt64(toUnixTimestamp({day_start('day')})),"
        f" toInt64(toUnixTimestamp({day_start('day + 1')})), watermark))"
        " FROM builds WHERE withheld)"
    ),
    "picked_since": SINCE,
    "picked_until": UNTIL,
    "picked_zone": ZONE,
    "picked_step": STEP,
    # Scalars of their own: what is derived from them has to be constant.
    "first_touched": f"assumeNotNull((SELECT {report_day('picked_since')}))",
    "last_touched": f"assumeNotNull((SELECT {report_day('picked_until - 1')}))",
    # Whole days of the report zone come from the daily tier.
    "first_whole": (f"first_touched + toUInt8({day_start('first_touched')} < picked_since)"),
    "last_whole": f"{report_day('picked_until')} - 1",
    "whole_builds": (
        "(SELECT arrayFilter(build -> build.1 BETWEEN first_whole AND last_whole,"
        " published_builds))"
    ),
    "cut_builds": (
        "(SELECT arrayFilter(build -> NOT build.1 BETWEEN first_whole AND last_whole,"
        " published_builds))"
    ),
    "built_days": "(SELECT arrayMap(build -> build.1, whole_builds))",
    "built_midnights": (
        f"(SELECT arrayMap(day -> toUnixTimestamp({day_start('day')}), built_days))"
    ),
    "ledger_today": report_day("ledger_through"),
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
    # The picker's clock, which only Grafana knows, as the engine has it at each quarter of an hour.
    "picked_clock": (
        "assumeNotNull((SELECT tuple(quarters, arrayMap(quarter ->"
        " toInt32(timezoneOffset(toDateTime(quarter, picked_zone))), quarters))"
        " FROM (SELECT range(toUnixTimestamp(picked_since), toUnixTimestamp(picked_until), 900)"
        " AS quarters)))"
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
    "rows_excluded": "held_days",
    "days": "whole_builds",
    "quarters": "cut_builds",
    "spans": "[toUnixTimestamp(picked_since), toUnixTimestamp(picked_until)]",
    "edges": "[toUnixTimestamp(picked_since)]",
    "whole_days": "built_days",
    "midnights": "built_midnights",
    "changes": "picked_clock.1",
    "offsets": "picked_clock.2",
    "epoch": "ledger_epoch",
    "watermark": "ledger_watermark",
    "today": "ledger_today",
    "publication": "last_publication",
    "is_filtered": "people_narrowed",
    # Without any grouping.
    **{f"by_{dimension}": "false" for dimension in TIER_GROUPS},
    **{f"{name.removesuffix('_id')}_is": _chosen(name) for name in VARIABLES},
    "bot_is": f"arrayMap(bot -> toInt64OrZero(bot), {_chosen('bot_id')})",
    "limit": "toUInt32(100000)",
}

SERIES = {
    "edges": "bucket_edges",
    # A bucket of the picker's zone may begin at any quarter of an hour.
    "days": "CAST([], 'Array(Tuple(Date, UInt64))')",
    "quarters": "published_builds",
    "whole_days": "CAST([], 'Array(Date)')",
    "midnights": "CAST([], 'Array(UInt32)')",
}
"""For figures of each bucket."""

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
    return _bound(kept(statement(f"reports/{report}")), overrides)


def figures(*, new_users: bool, **overrides: str) -> str:
    """The statement of figures under the dashboard's variables; `overrides` as in `bound`."""
    filters = frozenset(f"{name.removesuffix('_id')}_is" for name in VARIABLES)
    return _bound(narrowed_sql(filters, new_users=new_users), overrides)


def _bound(sql: str, overrides: dict[str, str]) -> str:
    expressions = {**PARAMETERS, **overrides}
    text = _COMMENT.sub("", sql + "\n").strip()
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
