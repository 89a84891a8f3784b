"""31 days of statistics: the product's reports beside PostgreSQL, ClickHouse facts, uniq states.

`make bench-rollups ROWS=10000000`. Every store holds the same ledger. A question is asked of all
in turn, over the connection that a service would use, and the answers are compared.

`ours` is a report at a known snapshot, as in the API; `ours_with_snapshot` first asks for newer
publications; `ours_first` begins without any state, like a new process.

For growth: `make bench-rollups ROWS=100000000 USERS=1000000 POSTGRES=0` makes the ledger inside
the engine. The output has the size of the tiers on disk, the engine's peak of memory, and the
seconds to rebuild one day.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.data.ledger import (
    BEGIN,
    DAYS,
    PEOPLE,
    build_again,
    fill_clickhouse,
    fill_postgres,
    publish,
)
from benchmarks.data.questions import (
    FACTS,
    MAKE_UNIQ,
    MATVIEW,
    POSTGRES,
    UNIQ,
    day_of,
    plain,
)
from benchmarks.data.stores import clickhouse, postgres
from benchmarks.timing import Times, alternately, machine, table
from common.settings import DatabaseSettings
from warehouse import reports
from warehouse.clickhouse import reader as reading
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.moments import zone_named
from warehouse.periods import Bucket, Period, PeriodName, midnight
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import Snapshot
from warehouse.snapshot import resolve as resolve_snapshot

OTHER_ZONE = "Asia/Kathmandu"
OF_POSTGRES = ("postgres", "postgres_matview")
ALTERNATIVES = ("ours", "ours_with_snapshot", "ours_first", *OF_POSTGRES, "facts", "uniq")
SINCE, UNTIL = BEGIN, BEGIN + timedelta(days=DAYS)
MEBIBYTE = 1 << 20
DISK = """
SELECT if(table = 'turns', 'facts', 'tiers') AS stored, sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE database = currentDatabase() AND active AND table != 'uniq_hours'
GROUP BY stored
"""
Answer = Callable[[], Awaitable[list[tuple[Any, ...]]]]


class Ours:
    """The product's reports, through the reader of its API, at a snapshot that is known."""

    def __init__(self, reader: reading.Reader, snapshot: Snapshot, tz: str) -> None:
        zone = zone_named(tz)
        first = SINCE.date() + timedelta(days=0 if tz == "UTC" else 1)
        last = SINCE.date() + timedelta(days=DAYS)
        self._zone = zone
        self._reader = reader
        self._about: dict[str, Any] = {
            "snapshot": snapshot,
            "period": Period(
                PeriodName.CUSTOM, midnight(first, zone), midnight(last, zone), tz, Bucket.DAY
            ),
        }
        self.span = self._about["period"].span

    async def series(self) -> list[tuple[Any, ...]]:
        found = await reports.activity(self._reader, **self._about)
        return [
            (day_of(point.start, self._zone), point.user_messages, point.active_users)
            for point in found.points
        ]

    async def totals(self) -> list[tuple[Any, ...]]:
        found = (await reports.summary(self._reader, **self._about)).current
        return [(found.user_messages, found.active_users)]

    async def top_users(self) -> list[tuple[Any, ...]]:
        found = await reports.top_users(self._reader, **self._about)
        return [(user.user_key, user.user_messages) for user in found]

    async def retention(self) -> list[tuple[Any, ...]]:
        found = await reports.retention(self._reader, **self._about)
        return [
            (cohort.start, step, people)
            for cohort in found.cohorts
            for step, people in enumerate(cohort.active)
            if people
        ]


Report = Callable[[Ours], Awaitable[list[tuple[Any, ...]]]]


def alternatives(
    reader: reading.Reader, connection: asyncpg.Connection, snapshot: Snapshot
) -> dict[str, dict[str, Answer]]:
    """Question -> contender -> the call that asks it."""
    here, there = Ours(reader, snapshot, "UTC"), Ours(reader, snapshot, OTHER_ZONE)
    moments = {"since": SINCE, "until": UNTIL}

    async def ask_postgres(sql: str) -> list[tuple[Any, ...]]:
        return plain(await connection.fetch(sql, SINCE, UNTIL))

    async def ask_matview(sql: str) -> list[tuple[Any, ...]]:
        return plain(await connection.fetch(sql, SINCE.date(), UNTIL.date()))

    async def ask_clickhouse(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        needed = {name: value for name, value in parameters.items() if f"{{{name}:" in sql}
        return plain(await reader.rows("benchmark", sql, needed))

    async def ask_anew(tz: str, report: Report) -> list[tuple[Any, ...]]:
        return await report(Ours(reader, await resolve_snapshot(reader, known=snapshot), tz))

    async def ask_first(tz: str, report: Report) -> list[tuple[Any, ...]]:
        return await report(Ours(reader, await resolve_snapshot(reader), tz))

    found: dict[str, dict[str, Answer]] = {}
    for question, report in (
        ("series", Ours.series),
        ("totals", Ours.totals),
        ("top users", Ours.top_users),
        ("retention", Ours.retention),
    ):
        found[question] = {
            "ours": partial(report, here),
            "ours_with_snapshot": partial(ask_anew, "UTC", report),
            "ours_first": partial(ask_first, "UTC", report),
            "postgres": partial(ask_postgres, POSTGRES[question]),
            "postgres_matview": partial(ask_matview, MATVIEW[question]),
            "facts": partial(ask_clickhouse, FACTS[question], moments | {"tz": "UTC"}),
        }
        if question in UNIQ:
            found[question]["uniq"] = partial(ask_clickhouse, UNIQ[question], moments)
    elsewhere = {"since": there.span.since, "until": there.span.until, "tz": OTHER_ZONE}
    for question, report in (("series", Ours.series), ("totals", Ours.totals)):
        found[f"{question}, {OTHER_ZONE}"] = {
            "ours": partial(report, there),
            "ours_with_snapshot": partial(ask_anew, OTHER_ZONE, report),
            "ours_first": partial(ask_first, OTHER_ZONE, report),
            "facts": partial(ask_clickhouse, FACTS[question], elsewhere),
        }
    return found


async def measure(
    settings: WarehouseSettings, database: DatabaseSettings | None, *, rounds: int
) -> tuple[dict[str, dict[str, Times]], bool, dict[str, Times]]:
    """Times by question and contender, whether all answers agree, and what every answer pays.

    Without a database PostgreSQL is left out.
    """
    reader = ClickHouseReader(settings.model_copy(update={"query_max_seconds": 60}))
    connection = await asyncpg.connect(database.libpq_url) if database else None
    try:
        snapshot = await resolve_snapshot(reader)
        times: dict[str, dict[str, Times]] = {}
        exact = True
        for question, every in alternatives(reader, connection, snapshot).items():
            asked = {
                name: ask for name, ask in every.items() if connection or name not in OF_POSTGRES
            }
            ours = await asked["ours"]()
            for name, ask in asked.items():
                # `uniq` is approximate by design; its answer is timed, not believed.
                if name != "uniq" and await ask() != ours:
                    print(f"{question}: {name} answers differently")
                    exact = False
            times[question] = await alternately(asked, rounds=rounds)
        overhead = await alternately(
            {
                "select 1": lambda: reader.rows("nothing", "SELECT 1", {}),
                "snapshot": lambda: resolve_snapshot(reader, known=snapshot),
            },
            rounds=rounds,
        )
    finally:
        if connection:
            await connection.close()
        await reader.close()
    return times, exact, overhead


async def prepare_matview(database: DatabaseSettings) -> None:
    connection = await asyncpg.connect(database.libpq_url)
    view = Path(__file__).parents[1] / "sql" / "postgres_matview.sql"
    await connection.execute(view.read_text(encoding="utf-8"))
    await connection.execute("CREATE INDEX ON user_day (day, user_key)")
    await connection.execute("VACUUM ANALYZE user_day")
    await connection.close()


def outcome(times: Mapping[str, Mapping[str, Times]], *, exact: bool) -> dict[str, Any]:
    """The figures of the JSON line. A contender's time is its slower one of series and totals."""

    def slower(name: str, *questions: str) -> float | None:
        if any(name not in times[question] for question in questions):
            return None
        return round(max(times[question][name].median for question in questions), 2)

    def ratio(name: str) -> float | None:
        theirs, ours = slower(name, *both), slower("ours", *both)
        return round(theirs / ours, 1) if theirs and ours else None

    both = ("series", "totals")
    return {
        **{f"{name}_ms": slower(name, *both) for name in ALTERNATIVES},
        "ratio_postgres": ratio("postgres"),
        "ratio_facts": ratio("facts"),
        "exact": exact,
        "other_zone_ms": slower("ours", f"series, {OTHER_ZONE}", f"totals, {OTHER_ZONE}"),
        "retention_ms": slower("ours", "retention"),
        "top_users_ms": slower("ours", "top users"),
    }


def grown(writer: Writer) -> dict[str, Any]:
    """Seconds to build the newest day again, and the sizes on disk before that."""
    disk = {row["stored"]: row["bytes"] for row in writer.rows("disk", sql=DISK)}
    return {
        "tiers_mib": round(disk["tiers"] / MEBIBYTE),
        "facts_mib": round(disk["facts"] / MEBIBYTE),
        "rebuilt_day_seconds": round(build_again(writer, days_ago=0).seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-rollups", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=PEOPLE)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--postgres", type=int, choices=(0, 1), default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench") as directory, ExitStack() as stores:
        home = Path(directory)
        settings = stores.enter_context(clickhouse(home / "ch"))
        database = stores.enter_context(postgres(home / "pg")) if given.postgres else None
        clock = time.monotonic()
        if database:
            fill_postgres(database.libpq_url, given.rows, people=given.users)
            asyncio.run(prepare_matview(database))
        with Writer(settings) as writer:
            fill_clickhouse(writer, given.rows, people=given.users)
            filled = time.monotonic() - clock
            built = publish(writer).seconds
            writer.run("uniq", sql=MAKE_UNIQ)
        times, exact, overhead = asyncio.run(measure(settings, database, rounds=given.rounds))
        with Writer(settings) as writer:
            growth = grown(writer)
    if not database:
        growth["engine_peak_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    print(f"\n{given.rows:,} turns, {given.users:,} people, {DAYS} days. {machine()}")
    print(f"filled in {filled:.0f} s, all days built in {built:.0f} s")
    print(", ".join(f"{name} {taken} ms" for name, taken in overhead.items()) + "\n")
    print(
        table(
            ("question, ms: median (min-max)", *ALTERNATIVES),
            [
                (question, *(asked.get(name, "") for name in ALTERNATIVES))
                for question, asked in times.items()
            ],
        )
    )
    figures = outcome(times, exact=exact) | growth
    print(f"\n{table(('rows', *figures), [(f'{given.rows:,}', *figures.values())])}\n")
    print(json.dumps({"rows": given.rows, "users": given.users, **figures}))


if __name__ == "__main__":
    main()
