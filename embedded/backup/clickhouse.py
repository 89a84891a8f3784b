"""Backs up and restores the embedded ClickHouse's database, and counts what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO

import httpx

from common.errors import StartupError
from common.log import redact
from embedded.backup.archive import Contents

DISK = "backups"
# Tables whose rows do not expire. Merges do not change the rows that FINAL shows.
TABLES = """
SELECT table, groupArray(column) AS columns, any(is_replacing) AS is_final
FROM (
    SELECT database, table, name AS column FROM system.columns
    WHERE default_kind NOT IN ('ALIAS', 'MATERIALIZED') AND type NOT LIKE 'AggregateFunction(%'
) AS columns
INNER JOIN (
    SELECT database, name AS table, engine LIKE '%Replacing%' AS is_replacing FROM system.tables
    WHERE engine LIKE '%MergeTree' AND create_table_query NOT LIKE '% TTL %'
) AS tables USING (database, table)
WHERE database = '{database}'
GROUP BY table ORDER BY table FORMAT JSONEachRow
"""
CONTENTS = """
SELECT count(), sum(cityHash64(toString(tuple({columns})))) FROM `{database}`.`{table}` {final}
"""


class ClickHouse:
    """BACKUP and RESTORE through the engine's own disk of backups.

    Args:
        url: of the writer, with its database as path.
        directory: of the engine, where that disk is.
    """

    def __init__(self, url: str, *, directory: Path) -> None:
        self._url, _, self._database = url.rpartition("/")
        self._disk = directory / DISK

    def version(self) -> str:
        return self._ask("SELECT version()").strip()

    def dump(self, name: str, write: Callable[[IO[bytes]], None]) -> Contents:
        """Pass the archive to `write`. Returns what the database held; nothing writes meanwhile."""
        copied = self._disk / name
        self._disk.mkdir(parents=True, exist_ok=True)
        copied.unlink(missing_ok=True)
        contents = self._contents()
        try:
            self._ask(f"BACKUP DATABASE `{self._database}` TO Disk('{DISK}', '{name}')")
            with copied.open("rb") as archive:
                write(archive)
        finally:
            copied.unlink(missing_ok=True)
        return contents

    def restore(self, name: str, read: Callable[[IO[bytes]], None]) -> Contents:
        """Replace the database by the archive that `read` passes on. Returns what it holds then."""
        copied = self._disk / name
        self._disk.mkdir(parents=True, exist_ok=True)
        try:
            with copied.open("wb") as archive:
                read(archive)
            self._ask(f"DROP DATABASE IF EXISTS `{self._database}` SYNC")
            self._ask(f"RESTORE DATABASE `{self._database}` FROM Disk('{DISK}', '{name}')")
        finally:
            copied.unlink(missing_ok=True)
        return self._contents()

    def _contents(self) -> Contents:
        tables = self._ask(TABLES.format(database=self._database))
        return {
            table["table"]: self._ask(
                CONTENTS.format(
                    database=self._database,
                    table=table["table"],
                    columns=", ".join(f"`{column}`" for column in table["columns"]),
                    final="FINAL" if table["is_final"] else "",
                )
            ).strip()
            for table in map(json.loads, tables.splitlines())
        }

    def _ask(self, statement: str) -> str:
        try:
            answer = httpx.post(f"{self._url}/", content=statement, timeout=None)  # noqa: S113 # a large copy takes hours
        except httpx.HTTPError as error:
            raise StartupError(f"CLICKHOUSE_URL: {redact(str(error))}") from error
        if answer.status_code != httpx.codes.OK:
            raise StartupError(f"ClickHouse: {answer.text.strip().splitlines()[0]}")
        return answer.text
