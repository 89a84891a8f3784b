"""Backs up and restores the embedded ClickHouse's database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import httpx

from common.errors import StartupError
from common.log import redact

DISK = "backups"


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

    def dump(self, name: str, write: Callable[[IO[bytes]], None]) -> None:
        """Pass the archive to `write`."""
        copied = self._disk / name
        self._disk.mkdir(parents=True, exist_ok=True)
        copied.unlink(missing_ok=True)
        try:
            self._ask(f"BACKUP DATABASE `{self._database}` TO Disk('{DISK}', '{name}')")
            with copied.open("rb") as archive:
                write(archive)
        finally:
            copied.unlink(missing_ok=True)

    def restore(self, name: str, read: Callable[[IO[bytes]], None]) -> None:
        """Replace the database by the archive that `read` passes on."""
        copied = self._disk / name
        self._disk.mkdir(parents=True, exist_ok=True)
        try:
            with copied.open("wb") as archive:
                read(archive)
            self._ask(f"DROP DATABASE IF EXISTS `{self._database}` SYNC")
            self._ask(f"RESTORE DATABASE `{self._database}` FROM Disk('{DISK}', '{name}')")
        finally:
            copied.unlink(missing_ok=True)

    def _ask(self, statement: str) -> str:
        try:
            answer = httpx.post(f"{self._url}/", content=statement, timeout=None)  # noqa: S113 # as long as it takes
        except httpx.HTTPError as error:
            raise StartupError(f"CLICKHOUSE_URL: {redact(str(error))}") from error
        if answer.status_code != httpx.codes.OK:
            raise StartupError(f"ClickHouse: {answer.text.strip().splitlines()[0]}")
        return answer.text
