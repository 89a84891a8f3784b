"""The ClickHouse engine inside this process (chDB).

Every query has a connection to itself while it runs: on a shared one a short query would wait
behind a long one. A reader's connection is kept for the next query with the same settings. All
calls block: call them from threads.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from chdb import _chdb

from common.errors import SettingError, StartupError
from embedded.clickhouse.engine.configuration import ENGINE_GRANTS, write_configuration
from embedded.clickhouse.engine.connection import Connection, literal
from embedded.clickhouse.engine.connection_pool import ConnectionKind, ConnectionPool
from embedded.clickhouse.engine.statement_policy import StatementPolicy
from embedded.clickhouse.errors import ENGINE_ERRORS, from_engine

READERS = "readers"
"""The workload of readers' queries."""


class Engine:
    """One data directory, held exclusively."""

    def __init__(
        self, directory: Path, *, memory_bytes: int, grants: Sequence[str] = ENGINE_GRANTS
    ) -> None:
        """Open the directory, making it when absent. All users together have these grants.

        Raises:
            SettingError: it is in use or cannot be written, naming DATA_DIR.
            StartupError: the engine refuses to start.
        """
        self._directory = directory.resolve()
        _refuse_unusable(self._directory)
        self.spool = self._directory / "spool"
        """For results that are written to a file before they are sent."""
        shutil.rmtree(self.spool, ignore_errors=True)
        self.spool.mkdir()
        configuration = write_configuration(
            self._directory, memory_bytes=memory_bytes * 5 // 4, grants=grants
        )
        self._target = f"{self._directory / 'store'}?config-file={configuration}"
        try:
            # Held open all the time: the engine stops with its last connection.
            self._anchor = _connect(self._target)
        except RuntimeError as error:
            raise StartupError(
                f"DATA_DIR: the ClickHouse engine cannot start in {self._directory}: {error}"
            ) from error
        self._make_default_an_ordinary_database()
        self._pool = ConnectionPool()
        with closing(self.connect()) as connection:
            self.policy = StatementPolicy(connection)
            # Readers together never take the memory in which rows are written. The engine frees
            # that of a query some time after it has ended it: hence a half, and a quarter above.
            share = memory_bytes // 2
            for statement in (
                "RESOURCE memory (MEMORY RESERVATION)",
                "WORKLOAD all",
                f"WORKLOAD {READERS} IN all SETTINGS max_memory = {share}",
            ):
                connection.run(b"CREATE OR REPLACE " + statement.encode())

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

    def connect(
        self,
        *,
        database: str = "default",
        settings: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        read_only: bool = False,
        mark: bytes = b"",
        prepare: Callable[[Connection], None] | None = None,
    ) -> Connection:
        """A connection of its own with settings applied, made unable to write when asked.

        `prepare` runs before that, and the connection is not used again.

        Raises:
            QueryError: unknown database, setting or value.
        """
        settings = settings or {}
        kind = ConnectionKind(database, tuple(settings.items()))
        is_shared = read_only and prepare is None
        pooled = self._pool.take(kind) if is_shared else None

        def release(handle: Any, is_clean: bool) -> None:  # noqa: FBT001 # as the connection calls it
            if is_shared and is_clean:
                self._pool.give_back(kind, handle)
            else:
                handle.close()

        connection = Connection(
            pooled or self.new_handle(), release, parameters=parameters or {}, mark=mark
        )
        try:
            connection.refuse_bad_names()
            if pooled is None:
                if database != "default":
                    connection.use(database)
                connection.set(settings)
                if prepare is not None:
                    prepare(connection)
                if read_only:
                    connection.set({"readonly": "1"})
        except BaseException:
            connection.close()
            raise
        return connection

    def new_handle(self) -> Any:
        """A connection that the caller closes. Raises QueryError: no memory is left for it."""
        try:
            return _connect(self._target)
        except ENGINE_ERRORS as error:
            raise from_engine(error) from error

    def kill(self, beginning: str) -> None:
        """Cancel the running statements whose text begins so."""
        with closing(self.connect()) as connection:
            connection.run(
                f"KILL QUERY WHERE startsWith(query, {literal(beginning)}) ASYNC".encode()
            )

    def close(self) -> None:
        """Let go of the directory. No connection may be open."""
        self._pool.close()
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
