"""The ClickHouse engine inside this process (chDB). Knows nothing about HTTP or users.

Every query has a connection to itself while it runs: on a shared one a short query would wait
behind a long one. A reader's connection is kept for the next query with the same settings. All
calls block: call them from threads.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from chdb import _chdb

from common.errors import SettingError, StartupError
from embedded.clickhouse.engine.classifier import Classifier
from embedded.clickhouse.engine.configuration import write_configuration
from embedded.clickhouse.engine.guard import Guard
from embedded.clickhouse.engine.idle import Idle, Kind
from embedded.clickhouse.engine.sessions import Session, literal


class Engine:
    """One data directory, held exclusively."""

    def __init__(self, directory: Path, *, memory_bytes: int) -> None:
        """Open the directory, making it when absent.

        Raises:
            SettingError: it is in use or cannot be written, naming DATA_DIR.
            StartupError: the engine refuses to start.
        """
        self._directory = directory.resolve()
        self._classifier = Classifier()
        _refuse_unusable(self._directory)
        configuration = self._directory / "engine.xml"
        configuration = write_configuration(self._directory, memory_bytes=memory_bytes)
        self._target = f"{self._directory / 'store'}?config-file={configuration}"
        try:
            # Held open all the time: the engine stops with its last connection.
            self._anchor = _connect(self._target)
        except RuntimeError as error:
            raise StartupError(
                f"DATA_DIR: the ClickHouse engine cannot start in {self._directory}: {error}"
            ) from error
        self._make_default_an_ordinary_database()
        self._idle = Idle()
        with self.session() as session:
            self.guard = Guard(session)

    def _make_default_an_ordinary_database(self) -> None:
        # chDB lays its own `default` over the machine's files: a table's name may be a path.
        # Ours has the same name, so its place is taken at every start.
        metadata = self._directory / "store" / "metadata"
        # The directory appears with the first table. Before that the engine cannot attach.
        has_tables = (metadata / "default").exists()
        if not has_tables:
            (metadata / "default.sql").unlink(missing_ok=True)
        ours = "ATTACH DATABASE default" if has_tables else "CREATE DATABASE default ENGINE=Atomic"
        self._anchor.query(f"USE system; DETACH DATABASE default; {ours}")

    def session(
        self,
        *,
        database: str = "default",
        settings: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        read_only: bool = False,
        mark: bytes = b"",
    ) -> Session:
        """A connection of its own with settings applied, made unable to write when asked.

        Raises:
            QueryError: unknown database, setting or value.
        """
        settings = settings or {}
        kind = Kind(database, tuple(settings.items())) if read_only else None
        connection = self._idle.take(kind) if kind else None
        session = Session(
            connection or _connect(self._target),
            self._classifier,
            parameters=parameters or {},
            mark=mark,
        )
        if kind is not None:
            session.may_be_kept(partial(self._idle.give, kind))
        try:
            session.refuse_bad_names()
            if connection is None:
                session.prepare(database=database, settings=settings, read_only=read_only)
        except BaseException:
            session.close()
            raise
        return session

    def kill(self, beginning: str) -> None:
        """Cancel the running statements whose text begins so."""
        with self.session() as session:
            session.run(f"KILL QUERY WHERE startsWith(query, {literal(beginning)}) ASYNC".encode())

    def close(self) -> None:
        """Let go of the directory. No session may be open."""
        self._idle.close()
        self._anchor.close()


def _connect(target: str) -> Any:
    return _chdb.connect(target)  # type: ignore[attr-defined] # the stubs leave it out


def _refuse_unusable(directory: Path) -> None:
    try:
        (directory / "store").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        status = os.open(directory / "store" / "status", os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        raise SettingError(
            "DATA_DIR", f"{directory} cannot be written: {error.strerror}"
        ) from error
    try:
        # The engine holds this lock while it runs. Asking first gives one line instead of three.
        fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SettingError(
            "DATA_DIR", f"{directory} is in use by another instance: stop it or choose another"
        ) from error
    finally:
        os.close(status)
