"""One statement on its own connection, run on threads. Knows no HTTP."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from embedded.clickhouse.engine import input_rows, native
from embedded.clickhouse.engine.engine import Engine
from embedded.clickhouse.engine.formats import can_stream, merged
from embedded.clickhouse.engine.guard import as_readers_mean
from embedded.clickhouse.engine.sessions import Insert, Progress, Session
from embedded.clickhouse.engine.statements import Statement
from embedded.clickhouse.errors import Code, QueryError

T = TypeVar("T")
WHOLE_RESULT_BYTES = 256 * 1024 * 1024
"""Formats that are one document (JSON, Arrow, Parquet) are held in memory up to here."""


@dataclass
class Job:
    """One statement on its way."""

    query_id: str
    user: str
    read_only: bool
    database: str
    default_format: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    waits_for_end: bool = False
    protocol_revision: int = 0
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    """Stands in a comment before the statement, so that it can be found and killed."""
    started: float = field(default_factory=time.monotonic)

    @property
    def comment(self) -> bytes:
        return f"/*{self.mark}*/ ".encode()


class Execution:
    """One statement on its own connection. `call` runs the blocking methods on a thread."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor, job: Job) -> None:
        self._engine = engine
        self._threads = threads
        self.job = job
        self._session: Session | None = None
        self._insert: Insert | None = None
        self._from_rows = b""
        """The statement that reads the rows of an insert, when another one has written them."""
        self._blocks: Iterator[bytes] | None = None
        self._pending: asyncio.Future[Any] | None = None
        self.is_finished = False
        """Nothing is left to cancel, so that closing takes no time."""

    async def call(self, work: Callable[[], T]) -> T:
        """Run `work` on a thread; when the caller is cancelled the work goes on, watched."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._pending = future
        return await asyncio.shield(future)

    @property
    def pending(self) -> asyncio.Future[Any] | None:
        """The work still on a thread, when there is any."""
        return self._pending if self._pending is not None and not self._pending.done() else None

    @property
    def progress(self) -> Progress:
        return self._session.progress if self._session else Progress()

    def begin_read(self, statement: Statement) -> tuple[list[bytes | memoryview], bool]:
        """Run anything but an insert with data.

        Returns:
            The beginning of the result, and whether it is all of it.
        """
        output_format = statement.output_format or self.job.default_format
        streams = statement.can_stream and can_stream(output_format) and not self.job.waits_for_end
        session = self._open(whole_result=not streams)
        if (statements := session.classify(statement.text).statements) != 1:
            # Says where the error is, in the client's own text.
            session.formatted(statement.client_text or statement.text)
        if statements > 1:
            raise QueryError(Code.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
        self._check(session, statement.text)
        if self.job.read_only:
            statement = as_readers_mean(statement)
        text = statement.text
        revision = self.job.protocol_revision if output_format.upper() == "NATIVE" else 0
        # Blocks of a known end need no walk through their columns.
        if not streams and not (revision and statement.can_stream):
            result = session.run(text, self.job.default_format)
            self.is_finished = True
            return [native.with_revision(bytes(result), revision) if revision else result], True
        self._blocks = merged(output_format, session.stream(text, self.job.default_format))
        if revision:
            self._blocks = native.revised(
                self._blocks, revision, types=lambda: self._types(statement)
            )
        if not streams:
            whole: list[bytes | memoryview] = [*self._blocks]
            self.is_finished = True
            return whole, True
        # Two blocks are asked for: a result of one block is then known to be complete, and its
        # answer carries length and summary.
        beginning: list[bytes | memoryview] = [*islice(self._blocks, 2)]
        self.is_finished = len(beginning) < 2  # noqa: PLR2004 # as asked for above
        return beginning, self.is_finished

    def _types(self, statement: Statement) -> list[str]:
        """The types of the columns that a read answers with."""
        query = statement.text[: statement.format_at].rstrip(b"; \t\r\n")
        with self._new_session(self.job.settings) as session:
            listed = session.run(b"DESCRIBE TABLE (" + query + b"\n)", "JSONCompactEachRow")
        return [json.loads(line)[1] for line in bytes(listed).splitlines()]

    def next_block(self) -> bytes | None:
        """The next block of the result, None at its end."""
        block = next(self._blocks, None) if self._blocks is not None else None
        self.is_finished = block is None
        return block

    def begin_insert(self, statement: Statement) -> None:
        session = self._open(whole_result=False)
        input_format = statement.input_format or "TabSeparated"
        text = statement.text
        if (source := statement.source) is not None:
            self._from_rows = input_rows.read_rows(statement, source).text
            create = input_rows.create_table(source)
            self._check(session, self._from_rows)
            self._check(session, create)
            session.run(create)
            text = input_rows.INSERT
        self._check(session, text + b" FORMAT " + input_format.encode())
        self._insert = session.insert(text, input_format)

    def append(self, data: bytes) -> None:
        if self._insert is not None:
            self._insert.append(data)

    def finish_insert(self, rest: bytes) -> None:
        """Append the rest and write all of it."""
        if rest:
            self.append(rest)
        insert, self._insert = self._insert, None
        if insert is not None and self._session is not None:
            insert.finish()
            if self._from_rows:
                self._session.progress = Progress()
                self._session.run(self._from_rows)
        self.is_finished = True

    def close(self) -> None:
        """Cancel what is unfinished and let go of the connection."""
        if self._insert is not None:
            self._insert.cancel()
        self._blocks = None
        if self._session is not None:
            self._session.close()

    def _check(self, session: Session, text: bytes) -> None:
        job = self.job
        self._engine.guard.check(session, text, read_only=job.read_only, parameters=job.parameters)

    def _open(self, *, whole_result: bool) -> Session:
        settings = dict(self.job.settings)
        if whole_result:
            settings.setdefault("max_result_bytes", str(WHOLE_RESULT_BYTES))
        self._session = self._new_session(settings)
        return self._session

    def _new_session(self, settings: Mapping[str, str]) -> Session:
        job = self.job
        return self._engine.session(
            database=job.database,
            settings=settings,
            parameters=job.parameters,
            read_only=job.read_only,
            mark=job.comment,
        )
