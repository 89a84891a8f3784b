"""A full copy of the ledger: the product's batch beside other ways, and beside the ceiling.

`make bench-replication ROWS=3000000`. Every way runs in a process of its own, in turn; its clock
covers connecting and moving, not starting Python. The targets are emptied in between.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.data.ledger import fill_postgres
from benchmarks.data.loaders import MOVERS, Task
from benchmarks.data.stores import (
    POSTGRES_OPTIONS,
    PROJECT,
    clickhouse,
    postgres,
)
from benchmarks.timing import machine, table
from pipelines.settings import PipelineSection
from pipelines.source.columns import TURNS
from warehouse.clickhouse.client import Writer

DESCRIPTIONS = {
    "ours": "ADBC, ArrowStream, with horizon, pages, watermark",
    "pull": "INSERT SELECT FROM postgresql()",
    "pull_raw": "the same with optimize_on_insert = 0, which ours sets",
    "dlt": "pyarrow backend into DuckDB",
    "pandas": "read_sql in chunks, insert_df",
    "ceiling": "the engine copies its own table",
}


def move(name: str, task: Task) -> dict[str, float]:
    """One run of one way."""
    outcome = subprocess.run(  # noqa: S603 # the project's own program
        [sys.executable, "-m", "benchmarks.data.loaders", name],
        cwd=PROJECT,
        input=json.dumps(asdict(task)),
        capture_output=True,
        text=True,
        check=False,
    )
    if outcome.returncode != 0:
        raise SystemExit(f"{name}: {outcome.stderr[-2000:]}")
    found: dict[str, float] = json.loads(outcome.stdout.splitlines()[-1])
    return found


def free_address() -> str:
    """A loopback address of its own: the port is part of the Unix socket's name and stays."""
    return f"127.{secrets.randbelow(250) + 2}.{secrets.randbelow(250) + 2}.1"


def empty(writer: Writer, name: str) -> None:
    """Make room for the next run. A way that fills no table here leaves one to copy at the end."""
    writer.run("empty", sql="TRUNCATE TABLE turns_copy")
    if name in {"ours", "pandas"}:
        for target in ("turns", "watermarks", "batches"):
            writer.run("empty", sql=f"TRUNCATE TABLE {target}")


def definition(writer: Writer) -> str:
    """CREATE TABLE of the ledger, without its database."""
    found: str = writer.value("definition", sql="SHOW CREATE TABLE turns")
    return found.replace("CREATE TABLE dialytics.turns", "CREATE TABLE turns")


def equal(writer: Writer, url: str) -> bool:
    """Whether the last copy holds what PostgreSQL holds."""
    with psycopg.connect(url) as connection:
        there = connection.execute(
            "SELECT count(*), count(DISTINCT id), sum(user_key)::bigint,"
            " sum(prompt_tokens)::bigint, sum(cost_usd) FROM turns"
        ).fetchone()
    here = writer.rows(
        "equal",
        sql="SELECT count(), uniqExact(id), sum(user_key), sum(prompt_tokens), sum(cost_usd)"
        " FROM turns",
    )[0]
    return there == tuple(here.values())


def measure(rows: int, *, rounds: int, names: list[str]) -> dict[str, list[dict[str, float]]]:
    page_rows = PipelineSection.model_fields["replication_page_rows"].default
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    address = free_address()
    options = {**POSTGRES_OPTIONS, "listen_addresses": address}
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        home = Path(directory)
        with (
            postgres(home / "pg", options=options) as database,
            clickhouse(home / "ch") as settings,
            Writer(settings) as writer,
        ):
            fill_postgres(database.libpq_url, rows)
            writer.run("copy", sql="CREATE TABLE turns_copy AS turns")
            task = Task(
                postgres_url=database.libpq_url,
                tcp_address=address,
                clickhouse_url=settings.writer_url,
                table=definition(writer),
                page_rows=page_rows,
            )
            for _ in range(rounds):
                for name in names:
                    empty(writer, name)
                    found = move(name, task)
                    if found["rows"] != rows:
                        raise SystemExit(f"{name} moved {found['rows']} of {rows} rows")
                    if name == "ours" and not equal(writer, database.libpq_url):
                        raise SystemExit("ours: the copy differs")
                    runs[name].append(found)
                    speed = rows / found["seconds"]
                    print(f"{name}: {speed:,.0f} rows/s", file=sys.stderr, flush=True)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-replication", description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(MOVERS), choices=list(MOVERS))
    given = parser.parse_args()
    runs = measure(given.rows, rounds=given.rounds, names=given.only)
    speeds = {name: [given.rows / run["seconds"] for run in taken] for name, taken in runs.items()}
    median = {name: statistics.median(taken) for name, taken in speeds.items()}
    print(f"\n{given.rows:,} turns of {len(TURNS.columns)} columns. {machine()}\n")
    print(
        table(
            ("way", "rows/s: median (min-max)", "peak MiB of its process", "what"),
            [
                (
                    name,
                    f"{median[name]:,.0f} ({min(taken):,.0f}-{max(taken):,.0f})",
                    max(run["peak_rss_mib"] for run in runs[name]),
                    DESCRIPTIONS[name],
                )
                for name, taken in speeds.items()
            ],
        )
    )
    figures = outcome(given.rows, median, runs)
    print(f"\n{table(tuple(figures), [tuple(figures.values())])}\n")
    print(json.dumps(figures))


def outcome(
    rows: int, median: dict[str, float], runs: dict[str, list[dict[str, float]]]
) -> dict[str, Any]:
    """The figures of the JSON line; a way that was left out is null."""

    def speed(name: str) -> int | None:
        return round(median[name]) if name in median else None

    def ratio(name: str) -> float | None:
        return round(median["ours"] / median[name], 2) if name in median else None

    return {
        "rows": rows,
        "rows_per_s": speed("ours"),
        "pull_rows_per_s": speed("pull"),
        "pull_raw_rows_per_s": speed("pull_raw"),
        "dlt_rows_per_s": speed("dlt"),
        "ceiling_rows_per_s": speed("ceiling"),
        "ratio_pull": ratio("pull"),
        "ratio_pull_raw": ratio("pull_raw"),
        "ratio_dlt": ratio("dlt"),
        "ratio_ceiling": ratio("ceiling"),
        "peak_rss_mib": max(run["peak_rss_mib"] for run in runs["ours"]),
    }


if __name__ == "__main__":
    main()
