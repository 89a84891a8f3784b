"""The same ledger in both stores: every column is an integer function of the row's number.

People are skewed as in life (the busiest hundredth writes a fifth), days are 31, a twentieth of
the turns failed. Nothing is random, so two runs and two stores hold the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg

from pipelines.replication.watermark import Watermark
from pipelines.rollups.build import Publication, Rollups
from warehouse.clickhouse.client import Writer

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 31
PEOPLE = 100_000
ROWS_PER_INSERT = 500_000
ROWS_PER_TRANSACTION = 5_000
"""In PostgreSQL. A bot writes a turn in each, so that versions rise with places in the table; with
few large ones, a reader in the order of versions would jump about in it."""
EPOCH = 1
VERSION = 100
WATERMARK = 1_000
ARRIVALS = 250
"""As many as arrive in five seconds with 50 turns a second."""
ARRIVALS_FROM = 2_000_000_000
"""Their first number, beyond those of every ledger."""
INDEXES = ("ix_turns_received_at", "ix_turns_user_key_received_at", "ix_turns_version_id")

# A number below 2^31 for row `i` and salt: multiplied and folded twice, alike in both engines.
POSTGRES_RANDOM = """
CREATE FUNCTION pg_temp.r(i bigint, salt bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS $$
    SELECT ((b.x * 1597334677) & 2147483647) # (((b.x * 1597334677) & 2147483647) >> 16)
    FROM (SELECT a.x # (a.x >> 15) AS x
          FROM (SELECT (i * 1103515245 + salt * 40503) & 2147483647 AS x) AS a) AS b
$$
"""


def fill_postgres(url: str, rows: int, *, people: int = PEOPLE, begin: datetime = BEGIN) -> None:
    """Insert the ledger without its indexes, then build them, as a bulk load should."""
    with psycopg.connect(url, autocommit=True) as connection:
        definitions = [
            connection.execute("SELECT pg_get_indexdef(%s::regclass)", (name,)).fetchone()
            for name in INDEXES
        ]
        for name in INDEXES:
            connection.execute(f"DROP INDEX {name}")

    def insert(first: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(POSTGRES_RANDOM)
            for start in range(first, min(first + ROWS_PER_INSERT, rows), ROWS_PER_TRANSACTION):
                connection.execute(
                    statement("postgres_turns").encode(),
                    {
                        "people": people,
                        "begin": begin,
                        "seconds": DAYS * 86_400,
                        "first": start,
                        "last": min(start + ROWS_PER_TRANSACTION, rows) - 1,
                    },
                )

    _in_parallel(insert, rows, 2)
    with psycopg.connect(url, autocommit=True) as connection:
        for definition in definitions:
            assert definition is not None  # noqa: S101 # the migration made it
            connection.execute(definition[0])
        connection.execute("VACUUM ANALYZE turns")


def fill_clickhouse(writer: Writer, rows: int, *, people: int = PEOPLE) -> None:
    """The same ledger as replicated facts."""
    for first in range(0, rows, ROWS_PER_INSERT):
        _fill(
            writer,
            version=VERSION,
            first=first,
            count=min(ROWS_PER_INSERT, rows - first),
            begin=BEGIN,
            seconds=DAYS * 86_400,
            people=people,
        )


def _fill(
    writer: Writer,
    *,
    version: int,
    first: int,
    count: int,
    begin: datetime,
    seconds: int,
    people: int,
) -> None:
    writer.run(
        "fill",
        {
            "version": version,
            "people": people,
            "begin": int(begin.timestamp()),
            "seconds": seconds,
            "first": first,
            "count": count,
        },
        sql=statement("clickhouse_turns"),
    )


def publish(writer: Writer) -> Publication:
    """Every day built and published by the product's own rollups."""
    publication = _rollups(writer).follow(_state())
    assert publication is not None  # noqa: S101 # the ledger is new
    return publication


def publish_arrivals(writer: Writer, *, people: int = PEOPLE) -> Publication:
    """New turns of the newest day, published: what a cycle of the pipelines does."""
    rollups = _rollups(writer)
    current = rollups.current_publication()
    assert current is not None  # noqa: S101 # published before
    version = current.watermark
    _fill(
        writer,
        version=version,
        first=ARRIVALS_FROM + (version - WATERMARK) * ARRIVALS,
        count=ARRIVALS,
        begin=BEGIN + timedelta(days=DAYS, hours=-4),
        seconds=600,
        people=people,
    )
    state = replace(_state(), watermark=version + 1, target=version + 1)
    publication = rollups.follow(state)
    assert publication is not None  # noqa: S101 # the turns are new
    rollups.collect()
    return publication


def build_again(writer: Writer, *, days_ago: int) -> Publication:
    """Another build of one of the days from all of its turns, published."""
    day = (BEGIN + timedelta(days=DAYS - 1 - days_ago)).date()
    rollups = _rollups(writer)
    publication = rollups.rebuild(_state(), [day])
    rollups.collect()
    return publication


def _rollups(writer: Writer) -> Rollups:
    return Rollups(writer, zone="UTC", grace_seconds=60, confirm_lock=lambda: None)


def _state() -> Watermark:
    through = BEGIN + timedelta(days=DAYS)
    return Watermark(
        sequence=1,
        epoch=EPOCH,
        watermark=WATERMARK,
        target=WATERMARK,
        page_table="",
        page_version=0,
        page_id="",
        batch_id=uuid4(),
        system_identifier="1",
        timeline=1,
        data_through=through,
        written_at=through,
    )


def statement(name: str) -> str:
    """The text of a file under sql/."""
    return (Path(__file__).parents[1] / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def _in_parallel(insert: Callable[[int], None], rows: int, sessions: int) -> None:
    with ThreadPoolExecutor(sessions) as pool:
        for _ in pool.map(insert, range(0, rows, ROWS_PER_INSERT)):
            pass
