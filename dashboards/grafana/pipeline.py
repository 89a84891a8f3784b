"""Data pipeline: how old and how true the numbers are, and how ClickHouse is."""

from __future__ import annotations

from dashboards.grafana.asking import listed, one_row, records
from dashboards.grafana.binding import query
from dashboards.grafana.panels import Cells, Panel, bars, lines, listing, stacked

_OF_THE_SCHEMA = "database = currentDatabase()"

PANELS = (
    Panel(
        section="Now",
        title="Data through",
        description="Everything received before this moment is counted in every other panel.",
        look="stat",
        unit="dateTimeAsIso",
        sql=query(
            "SELECT toUnixTimestamp64Milli(toDateTime64(ledger_through, 3)) AS `data through`"
        ),
        width=6,
        height=4,
    ),
    Panel(
        title="Age of the numbers",
        description="Age of the moment through which everything is counted. An hour without"
        " messages does not make numbers older: the pipelines confirm them.",
        look="stat",
        unit="s",
        levels={None: "green", 120: "orange", 600: "red"},
        page="/quality",
        runbook="ReplicationLag",
        sql=query("SELECT greatest(0, dateDiff('second', ledger_through, now64(3))) AS age"),
        width=6,
        height=4,
    ),
    Panel(
        title="Turns published",
        description="Turns that the current publication counts.",
        look="stat",
        unit="locale",
        sql=one_row("freshness", turns="turns"),
        width=6,
        height=4,
    ),
    Panel(
        title="Days withheld",
        description="Days that keep older numbers because a blocking check failed.",
        look="stat",
        unit="none",
        levels={None: "green", 1: "orange"},
        page="/quality",
        runbook="DaysWithheld",
        sql=query("SELECT countIf(withheld) AS days FROM builds"),
        width=6,
        height=4,
    ),
    lines(
        section="Replication and publication",
        title="Replication lag",
        description="Longest time, per bucket, from a commit in PostgreSQL to its batch. A"
        " long transaction shows here; it never loses rows.",
        unit="s",
        runbook="ReplicationLag",
        sql=records(
            columns={"lag": "max(found.replication_lag_seconds)"},
            table="batches",
            moment="finished_at",
        ),
    ),
    stacked(
        title="Rows replicated",
        description="Turns, people and deletions that batches moved, per bucket.",
        unit="short",
        sql=records(
            columns={
                "turns": "sum(found.turns)",
                "people": "sum(found.people)",
                "deletions": "sum(found.tombstones)",
            },
            table="batches",
            moment="finished_at",
        ),
    ),
    lines(
        title="Time of a batch",
        description="Longest and mean time of a batch of replication, per bucket.",
        unit="s",
        sql=records(
            columns={
                "longest": "max(found.seconds)",
                "mean": "ifNotFinite(avg(found.seconds), 0)",
            },
            table="batches",
            moment="finished_at",
        ),
    ),
    bars(
        title="Publications",
        description="How often new numbers became visible, and how many days each time.",
        unit="short",
        sql=records(
            columns={
                "publications": "countIf(found.watermark > 0 AND found.day = toDate(0))",
                "days rebuilt": "countIf(found.day > toDate(0))",
            },
            table="published",
            moment="published_at",
        ),
    ),
    bars(
        title="Rows that differ after a rebuild",
        description="A rebuild of unchanged data must show none; new data shows its own rows.",
        unit="short",
        sql=records(
            columns={"rows": "sum(found.rows_differ)"},
            table="published",
            moment="published_at",
        ),
    ),
    Panel(
        section="Checks and comparison",
        title="State of the checks",
        description="Whether the data checks of each bucket passed; empty while none ran.",
        look="states",
        unit="none",
        names={
            "0": ("all passed", "green"),
            "1": ("some failed", "orange"),
            "2": ("a blocking one failed", "red"),
        },
        page="/quality",
        runbook="CheckFailed",
        sql=records(
            columns={
                "data checks": "if(countIf(found.name != '') = 0, NULL,"
                " toUInt8(countIf(NOT found.passed AND found.name != '') > 0)"
                " + toUInt8(countIf(NOT found.passed AND found.blocking) > 0))",
            },
            table="checks",
            moment="checked_at",
        ),
        width=24,
        height=4,
    ),
    bars(
        title="Failed checks over time",
        description="Results of data checks that did not pass, per bucket.",
        unit="short",
        runbook="CheckFailed",
        sql=records(
            columns={
                "failed": "countIf(NOT found.passed AND found.name != '')",
                "blocking": "countIf(NOT found.passed AND found.blocking)",
            },
            table="checks",
            moment="checked_at",
        ),
    ),
    listing(
        title="Latest result of every check",
        description="What each check found when it last ran in the range; the failed first.",
        unit="none",
        cells=(
            Cells(
                columns="result",
                names={
                    "passed": ("passed", "green"),
                    "FAILED": ("FAILED", "red"),
                    "(none ran)": ("(none ran)", "transparent"),
                },
            ),
            Cells(columns="suite|check", page="/quality"),
            Cells(columns="at", unit="dateTimeFromNow"),
        ),
        page="/quality",
        runbook="CheckFailed",
        sql=listed(
            "quality_checks",
            columns={
                "suite": "suite",
                "check": "name",
                "day": "ifNull(toString(found.day), '')",
                "result": "multiIf(name = '', '(none ran)', passed, 'passed', 'FAILED')",
                "blocking": "if(blocking, 'yes', 'no')",
                "found": "observed",
                "expected": "expected",
                "at": "checked_at",
            },
            tail="\nORDER BY passed, checked_at DESC",
        ),
    ),
    listing(
        title="PostgreSQL against ClickHouse",
        description="The latest comparison of each day: turns, tokens, cost, people. Equal in"
        " every figure and in the checksum, or the day is repaired.",
        unit="locale",
        cells=(
            Cells(
                columns="result",
                names={
                    "equal": ("equal", "green"),
                    "DIFFERENT": ("DIFFERENT", "red"),
                    "(none compared)": ("(none compared)", "transparent"),
                },
            ),
            Cells(columns="rows differ", levels={None: "transparent", 1: "orange"}),
            Cells(columns="at", unit="dateTimeFromNow"),
        ),
        page="/quality",
        runbook="ReconciliationDifference",
        sql=listed(
            "quality_days",
            columns={
                "day": "toString(found.day)",
                "turns in PostgreSQL": "postgres_turns",
                "turns in ClickHouse": "warehouse_turns",
                "rows differ": "rows_differ",
                "repaired": "if(repaired, 'yes', 'no')",
                "result": "multiIf(found.day = toDate(0), '(none compared)',"
                " ok, 'equal', 'DIFFERENT')",
                "at": "ran_at",
            },
            since_day="first_touched",
            tail="\nORDER BY found.day DESC",
        ),
    ),
    bars(
        title="Days that differed",
        description="Comparisons with PostgreSQL that found a difference, and repairs.",
        unit="short",
        sql=records(
            columns={
                "different": "countIf(NOT found.ok AND found.day > toDate(0))",
                "repaired": "countIf(found.repaired)",
            },
            table="reconciliation",
            moment="ran_at",
        ),
    ),
    listing(
        section="ClickHouse",
        title="ClickHouse: tables",
        description="Size of each table on disk, its rows and active parts. Hundreds of parts"
        " in one table mean that merges cannot keep up.",
        unit="locale",
        units={"size": "bytes"},
        cells=(
            Cells(columns="size|rows", bar=True),
            Cells(columns="parts", levels={None: "transparent", 100: "orange", 300: "red"}),
        ),
        sql=query(
            "SELECT name AS `table`, sum(p.bytes_on_disk) AS size, sum(p.rows) AS rows,"
            " countIf(p.rows > 0) AS parts\n"
            f"FROM (SELECT name FROM system.tables WHERE {_OF_THE_SCHEMA}"
            " AND engine LIKE '%MergeTree') AS t\n"
            "LEFT JOIN (SELECT table, rows, bytes_on_disk FROM system.parts WHERE active AND "
            f"{_OF_THE_SCHEMA}) AS p ON p.table = t.name\n"
            "GROUP BY name\nORDER BY size DESC, name"
        ),
    ),
    listing(
        title="ClickHouse: memory and work",
        description="Memory in use by queries, queries and merges that run now.",
        unit="none",
        units={"memory": "bytes"},
        sql=query(
            "SELECT sumIf(value, metric = 'MemoryTracking') AS memory,"
            " sumIf(value, metric = 'Query') AS queries,"
            " sumIf(value, metric = 'Merge') AS merges,"
            " sumIf(value, metric = 'PartMutation') AS mutations\n"
            "FROM system.metrics"
        ),
    ),
    Panel(
        title="ClickHouse: free disk",
        description="Part of each disk that is free.",
        look="ranking",
        unit="percentunit",
        levels={None: "red", 0.1: "orange", 0.2: "green"},
        runbook="DiskNearlyFull",
        sql=query(
            "SELECT name AS disk, free_space / total_space AS free FROM system.disks"
            " WHERE total_space > 0"
        ),
    ),
)
