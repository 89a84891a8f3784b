"""Reads the ledger by day and by row from both stores in the same form, and compares them.

Both reads see the same rows: PostgreSQL inside one snapshot, limited to versions below the
watermark; rows that changed since are left out of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg import sql

from common.zones import Clock
from pipelines.source.columns import FEEDBACK, PEOPLE, TURNS, USER_EVENTS, ReplicatedTable
from pipelines.source.postgres import Source
from warehouse.clickhouse.client import Writer

# The day of a moment by a clock: the offset that holds since the last change before it.
_DAY = (
    "(date '1970-01-01' + floor((extract(epoch FROM {moment}) + (%(offsets)s::bigint[])["
    "width_bucket(extract(epoch FROM {moment}), %(changes)s::numeric[])]) / 86400)::int)"
)
ALL_TIME = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2149, 1, 1, tzinfo=UTC))

# PostgreSQL type -> an expression that both stores spell alike.
_TEXTS = {
    "timestamp with time zone": "(extract(epoch FROM {}) * 1000000)::bigint::text",
    "numeric(18,10)": "({} * 10000000000)::bigint::text",
}


@dataclass(frozen=True, slots=True)
class DayTotals:
    """One day of the ledger, or of people who came on it."""

    day: date
    turns: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    users: int = 0
    checksum: int = 0


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """A replicated table, compared by the day of one of its timestamps."""

    table: ReplicatedTable
    moment: str
    sums: str
    """Beside the day and the checksum, as `DayTotals` names them."""

    @property
    def statements(self) -> str:
        """Prefix of the warehouse's statements: `<this>_days` and `<this>_rows`."""
        return f"replication/reconcile_{self.table.target}"


LEDGER = ComparedTable(
    table=TURNS,
    moment="received_at",
    sums="count(*) AS turns,"
    " sum(coalesce(prompt_tokens, 0)::bigint + coalesce(completion_tokens, 0))::bigint AS tokens,"
    " coalesce(sum(cost_usd), 0) AS cost_usd,"
    f" count(DISTINCT {TURNS.value('user_key')}) AS users",
)
NEWCOMERS = ComparedTable(table=PEOPLE, moment="created_at", sums="count(*) AS users")
RATINGS = ComparedTable(table=FEEDBACK, moment="received_at", sums="count(*) AS turns")
"""By the day of the turn that was rated."""
EVENTS = ComparedTable(table=USER_EVENTS, moment="occurred_at", sums="count(*) AS turns")


@dataclass(frozen=True, slots=True)
class ComparisonScope:
    """The rows to compare: a time range, the clock of its days, epoch and watermark."""

    since: datetime
    until: datetime
    clock: Clock
    """The report zone's clock."""
    epoch: int
    watermark: int


class SourceSnapshot:
    """PostgreSQL's rows, inside one snapshot."""

    def __init__(self, source: Source, compared: ComparedTable, scope: ComparisonScope) -> None:
        self._source = source
        self._compared = compared
        self._parameters = {
            **scope.clock.parameters(),
            "since": scope.since,
            "until": scope.until,
            "watermark": str(scope.watermark),
            "table": compared.table.source,
        }

    def days(self) -> dict[date, DayTotals]:
        rows = self._rows(
            "SELECT {day} AS day, {sums},"
            " sum({checksum})::bigint AS checksum FROM {table} WHERE {scope} GROUP BY 1 ORDER BY 1"
        )
        return {row["day"]: DayTotals(**row) for row in rows}

    def rows(self, days: Sequence[date]) -> dict[str, tuple[int, int]]:
        """Key -> (version, checksum) of the days' rows."""
        rows = self._rows(
            "SELECT {key}::text AS id, version::text::bigint AS version, {checksum} AS checksum"
            " FROM {table} WHERE {scope}"
            " AND {day} = ANY(%(days)s)",
            days=list(days),
        )
        return {row["id"]: (row["version"], row["checksum"]) for row in rows}

    def changed_since(self) -> list[str]:
        """Keys that were written or deleted at or above the watermark."""
        rows = self._rows(
            "SELECT {key}::text AS id FROM {table} WHERE version >= %(watermark)s::text::xid8"
            " UNION SELECT row_id FROM tombstones WHERE table_name = %(table)s"
            " AND version >= %(watermark)s::text::xid8"
        )
        return [row["id"] for row in rows]

    def _rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        table = self._compared.table
        query = sql.SQL(statement).format(
            checksum=sql.SQL(_checksum(table)),
            table=sql.Identifier(table.source),
            key=sql.Identifier(table.key),
            day=sql.SQL(_DAY.format(moment=self._compared.moment)),
            sums=sql.SQL(self._compared.sums),
            scope=sql.SQL(
                f"{self._compared.moment} >= %(since)s AND {self._compared.moment} < %(until)s"
                f" AND {table.condition} AND version < %(watermark)s::text::xid8"
            ),
        )
        return self._source.rows(query, self._parameters | parameters)


class WarehouseCopy:
    """The warehouse's rows, without those that changed since the watermark."""

    def __init__(
        self,
        writer: Writer,
        compared: ComparedTable,
        scope: ComparisonScope,
        *,
        excluded: Sequence[str],
    ) -> None:
        self._writer = writer
        self._statements = compared.statements
        self._parameters = {
            **scope.clock.parameters(),
            "epoch": scope.epoch,
            "since": scope.since,
            "until": scope.until,
            "excluded": list(excluded),
        }

    def days(self) -> dict[date, DayTotals]:
        rows = self._writer.rows(f"{self._statements}_days", self._parameters)
        return {row["day"]: DayTotals(**row) for row in rows}

    def rows(self, days: Sequence[date]) -> dict[str, tuple[int, int]]:
        """Key -> (version, checksum) of the days' rows."""
        around = {day + timedelta(days=shift) for day in days for shift in (-1, 0, 1)}
        rows = self._writer.rows(
            f"{self._statements}_rows",
            self._parameters | {"days": list(days), "utc_days": sorted(around)},
        )
        return {row["id"]: (row["version"], row["checksum"]) for row in rows}


@dataclass(frozen=True, slots=True)
class TableDiff:
    """Totals of both stores by day, and the rows that differ."""

    compared: ComparedTable
    source: dict[date, DayTotals]
    warehouse: dict[date, DayTotals]
    rows: dict[date, int]
    """Differing rows of the days that differ."""
    missing: list[str]
    """Keys to copy again."""
    wrong: list[str]
    """Keys to remove first: unknown to PostgreSQL, or newer than there."""


@contextmanager
def one_snapshot(source: Source, writer: Writer, scope: ComparisonScope) -> Iterator[_Comparison]:
    """Everything compared inside sees PostgreSQL at one moment."""
    with source.snapshot():
        yield _Comparison(source, writer, scope)


class _Comparison:
    def __init__(self, source: Source, writer: Writer, scope: ComparisonScope) -> None:
        self._source = source
        self._writer = writer
        self._scope = scope

    def compare(self, compared: ComparedTable) -> TableDiff:
        """Day by day; row by row where a day differs."""
        source = SourceSnapshot(self._source, compared, self._scope)
        warehouse = WarehouseCopy(
            self._writer, compared, self._scope, excluded=source.changed_since()
        )
        ours, theirs = source.days(), warehouse.days()
        found = TableDiff(compared, ours, theirs, {}, [], [])
        for day in sorted({*ours, *theirs}):
            if ours.get(day) == theirs.get(day):
                continue
            expected, stored = source.rows([day]), warehouse.rows([day])
            keys = {
                key
                for key in expected.keys() | stored.keys()
                if expected.get(key) != stored.get(key)
            }
            # Totals that differ without a differing row would be a defect of this comparison.
            found.rows[day] = max(1, len(keys))
            found.missing.extend(key for key in keys if key in expected)
            found.wrong.extend(
                key
                for key in keys
                if key in stored and (key not in expected or stored[key][0] > expected[key][0])
            )
        return found


def _checksum(table: ReplicatedTable) -> str:
    """32 bits over all columns of a row."""
    columns = ", ".join(
        f"coalesce({_TEXTS.get(kind, '{}::text').format(table.value(name))}, '~')"
        for name, kind in table.columns.items()
    )
    return f"('x' || left(md5(concat_ws('|', {columns})), 8))::bit(32)::bigint"
