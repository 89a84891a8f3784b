"""PostgreSQL as replication sees it: horizon, identity, lock, frozen windows of rows.

The session of the control connection holds the lock: when it
breaks, every later call says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, LiteralString, Self
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier

from pipelines.errors import BusyError, LockLostError, SourceError
from pipelines.source.columns import REPLICATED, TOMBSTONES, ReplicatedTable
from pipelines.source.status import SourceStatus, read_status

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.source.arrow import ArrowReader

LOCK = 7_131_337_010
FOLLOWER = 7_131_337_011
"""Held by the run that follows new data, for as long as it lives."""
APPLICATION = "dialytics-pipelines"
_CONNECT_SECONDS = 10

_HOLDS: LiteralString = """
SELECT count(*) > 0 AS held FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((classid::bigint << 32) | objid::bigint) = %s
"""

_COLUMNS: LiteralString = """
SELECT attname AS name, format_type(atttypid, atttypmod) AS type
FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""

_FUTURE: LiteralString = """
SELECT EXISTS (
    SELECT FROM {table} WHERE version >= pg_snapshot_xmax(pg_current_snapshot())
) AS found
"""

_ECHO: LiteralString = """
INSERT INTO replication_echo (id, batch_id, previous_batch_id, epoch) VALUES (1, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET batch_id = excluded.batch_id, epoch = excluded.epoch,
    previous_batch_id = excluded.previous_batch_id, echoed_at = now()
"""


class Source:
    """One session on PostgreSQL, and a second one for bulk reads when they are needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._arrow_reader: ArrowReader | None = None
        try:
            self._control = psycopg.connect(
                url,
                autocommit=True,
                row_factory=dict_row,
                application_name=APPLICATION,
                connect_timeout=_CONNECT_SECONDS,
            )
        except psycopg.Error as error:
            raise SourceError(f"PostgreSQL cannot be reached: {first_line(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close both sessions, which frees the lock."""
        if self._arrow_reader is not None:
            self._arrow_reader.close()
            self._arrow_reader = None
        self._control.close()

    def lock(self, *, wait_seconds: float) -> None:
        """Take the lock that batch, backfill, reconcile and collection share.

        Raises:
            BusyError: another session held it for all of `wait_seconds`.
        """
        deadline = time.monotonic() + wait_seconds
        while not self._one("SELECT pg_try_advisory_lock(%s) AS taken", LOCK)["taken"]:
            if time.monotonic() >= deadline:
                raise BusyError("another batch, backfill or reconcile is running")
            time.sleep(0.2)

    def confirm_lock(self, key: int = LOCK) -> None:
        """Raise LockLostError unless this session still holds the lock."""
        if not self._one(_HOLDS + " AND pid = pg_backend_pid()", key)["held"]:
            raise LockLostError("the lock is not held")

    def become_follower(self) -> None:
        """Mark this session as the run that follows new data.

        Raises:
            BusyError: there is one already.
        """
        if not self._one("SELECT pg_try_advisory_lock(%s) AS taken", FOLLOWER)["taken"]:
            raise BusyError("another run follows new data")

    def has_follower(self) -> bool:
        """Whether a run that follows new data is alive, in any session."""
        return bool(self._one(_HOLDS, FOLLOWER)["held"])

    def status(self) -> SourceStatus:
        """Where PostgreSQL is now, and who it is."""
        return read_status(self._one)

    def first_received(self) -> datetime | None:
        """When the oldest turn was received; None while there is none."""
        first: datetime | None = self._one("SELECT min(received_at) AS first FROM turns")["first"]
        return first

    def has_rows(self, since: int, until: int) -> bool:
        """Whether anything in [since, until) is to be replicated."""
        found = self._one(
            "SELECT EXISTS (SELECT FROM turns WHERE version >= %(since)s::text::xid8"
            " AND version < %(until)s::text::xid8 AND status <> 'pending')"
            " OR EXISTS (SELECT FROM users WHERE version >= %(since)s::text::xid8"
            " AND version < %(until)s::text::xid8)"
            " OR EXISTS (SELECT FROM feedback WHERE version >= %(since)s::text::xid8"
            " AND version < %(until)s::text::xid8)"
            " OR EXISTS (SELECT FROM user_events WHERE version >= %(since)s::text::xid8"
            " AND version < %(until)s::text::xid8)"
            " OR EXISTS (SELECT FROM tombstones WHERE version >= %(since)s::text::xid8"
            " AND version < %(until)s::text::xid8) AS found",
            {"since": str(since), "until": str(until)},
        )
        return bool(found["found"])

    def refuse_rows_from_the_future(self) -> None:
        """Raise SourceError while rows have versions that this cluster has not come to.

        A dump keeps them. No window would reach them before the cluster had counted so far.
        """
        for table in (*(table.source for table in REPLICATED), "tombstones"):
            query = SQL(_FUTURE).format(table=Identifier(table))
            if self._all(query)[0]["found"]:
                raise SourceError(
                    f"PostgreSQL was restored from a dump, and {table} has versions of its future:"
                    " run deploy/postgres/after-restore.sql"
                )

    def column_problems(self) -> list[str]:
        """Columns that replication needs and PostgreSQL does not have, or has otherwise."""
        problems: list[str] = []
        expected = {table.source: {**table.columns, **table.read} for table in REPLICATED}
        expected["tombstones"] = TOMBSTONES
        for table, columns in expected.items():
            found = {row["name"]: row["type"] for row in self._all(_COLUMNS, table)}
            problems += [
                f"{table}.{name} is {found.get(name, 'missing')}, expected {kind}"
                for name, kind in columns.items()
                if found.get(name) != kind
            ]
        return problems

    def pages(
        self,
        table: ReplicatedTable,
        *,
        since: int,
        until: int,
        after: tuple[int, str],
        rows: int,
        epoch: int,
    ) -> Iterator[pa.Table]:
        """Rows of the frozen window [since, until) in order of (version, key), a page at a time.

        What changes while pages are read moves to a version beyond the window.
        """
        version, key = after
        while True:
            # Numbers and keys are ours or PostgreSQL's own; ADBC streams only without parameters.
            page = self._arrow(
                f"SELECT {_as_stored(table, epoch)} FROM {table.source}"  # noqa: S608
                f" WHERE version >= '{since:d}'::xid8 AND version < '{until:d}'::xid8"
                f" AND (version, {table.key})"
                f" > ('{version:d}'::xid8, '{key}'::{table.key_type}) AND {table.condition}"
                # Qualified: a bare name would be the casted column, which no index has in order.
                f" ORDER BY {table.source}.version, {table.source}.{table.key} LIMIT {rows:d}"
            )
            if page.num_rows == 0:
                return
            yield page
            if page.num_rows < rows:
                return
            name = table.renamed.get(table.key, table.key)
            version = page["version"][-1].as_py()
            key = str(page[name][-1].as_py())

    def rows_of(
        self, table: ReplicatedTable, keys: Sequence[str], *, below: int, epoch: int
    ) -> pa.Table:
        """The rows with these keys whose versions lie below `below`."""
        listed = ", ".join(f"'{table.parsed(key)}'" for key in keys)
        return self._arrow(
            f"SELECT {_as_stored(table, epoch)} FROM {table.source}"  # noqa: S608 # own names, typed values
            f" WHERE {table.key} IN ({listed}) AND version < '{below:d}'::xid8"
            f" AND {table.condition}"
        )

    def tombstones(
        self, *, since: int, until: int, rows: int
    ) -> Iterator[list[tuple[str, str, int]]]:
        """(table, key, version) of rows deleted in [since, until), a page at a time."""
        version, last = since, -1
        while True:
            page = self._all(
                "SELECT id, table_name, row_id, version::text::bigint AS version FROM tombstones"
                " WHERE version >= %(since)s::text::xid8 AND version < %(until)s::text::xid8"
                " AND (version, id) > (%(version)s::text::xid8, %(last)s::bigint)"
                " ORDER BY version, id LIMIT %(rows)s",
                {
                    "since": str(since),
                    "until": str(until),
                    "version": str(version),
                    "last": last,
                    "rows": rows,
                },
            )
            if not page:
                return
            yield [(row["table_name"], row["row_id"], row["version"]) for row in page]
            version, last = page[-1]["version"], page[-1]["id"]

    def checkpoint(self, *, batch_id: UUID, previous: UUID | None, epoch: int) -> None:
        """Remember a batch here too, so that a restored copy of either side is noticed."""
        self._execute(_ECHO, (batch_id, previous, epoch))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Every query inside sees PostgreSQL at one moment. Nothing can be written."""
        with self._control.transaction():
            self._execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    def rows(self, query: LiteralString | Composed, parameters: Any = None) -> list[dict[str, Any]]:
        """Run a query of another module of the pipelines on the control session."""
        return self._all(query, parameters)

    def _one(self, sql: LiteralString, parameters: Any = None) -> dict[str, Any]:
        return self._all(sql, parameters)[0]

    def _all(self, sql: LiteralString | Composed, parameters: Any = None) -> list[dict[str, Any]]:
        return self._execute(sql, parameters).fetchall()

    def _execute(
        self, sql: LiteralString | Composed, parameters: Any = None
    ) -> psycopg.Cursor[dict[str, Any]]:
        if parameters is not None and not isinstance(parameters, (dict, tuple)):
            parameters = (parameters,)
        try:
            return self._control.execute(sql, parameters)
        except psycopg.OperationalError as error:
            # The lock lived in this session.
            raise LockLostError(f"PostgreSQL broke the session: {first_line(error)}") from error

    def _arrow(self, sql: str) -> pa.Table:
        # Imported where rows are moved: it takes 50 MiB, and the sensor's process moves none.
        from pipelines.source.arrow import ArrowReader  # noqa: PLC0415

        if self._arrow_reader is None:
            self._arrow_reader = ArrowReader(self._url)
        return self._arrow_reader.table(sql)


def _as_stored(table: ReplicatedTable, epoch: int) -> str:
    return f"{epoch:d}::bigint AS epoch, 0::smallint AS is_deleted, {table.selection}"


def first_line(error: Exception) -> str:
    """The driver's message, without its hints."""
    return (str(error).splitlines() or [type(error).__name__])[0]
