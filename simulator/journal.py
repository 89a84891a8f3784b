"""Append-only files of JSON lines that survive SIGKILL."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from common.errors import SettingError
from simulator import surrogate_json


class Journal(Protocol):
    """Stores records before they are acknowledged."""

    def append(self, record: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


class NoJournal:
    """Stores nothing, for simulators without a state directory."""

    def append(self, record: dict[str, Any]) -> None:
        del record

    def close(self) -> None:
        """Nothing to close."""


class FileJournal:
    """A journal file. Each record is one write(), so that SIGKILL loses none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise SettingError("SIMULATOR_STATE_DIR", f"cannot write {path}: {error}") from error
        # A partial record was never acknowledged; the next record starts on a new line.
        self._is_torn = bool(path.stat().st_size) and not _ends_with_newline(path)

    def append(self, record: dict[str, Any]) -> None:
        """Write one record.

        Raises:
            OSError: it could not be written completely, and must not be acknowledged.
        """
        line = (b"\n" if self._is_torn else b"") + surrogate_json.dumps(record) + b"\n"
        written = os.write(self._descriptor, line)
        if written < len(line):
            self._is_torn = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._is_torn = False

    def rewrite(self, records: Iterator[dict[str, Any]]) -> None:
        """Replace the file's content by these records, atomically."""
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as file:
            for record in records:
                file.write(surrogate_json.dumps(record) + b"\n")
        os.close(self._descriptor)
        fresh.replace(self.path)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        self._is_torn = False

    def close(self) -> None:
        os.close(self._descriptor)


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a journal, oldest first; partial lines are skipped."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                record = surrogate_json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
