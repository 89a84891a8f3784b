"""One statement on a connection, run on threads."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar

from embedded.clickhouse.engine import native, own_answers
from embedded.clickhouse.engine.connection import Connection, QueryProgress
from embedded.clickhouse.engine.engine import Engine
from embedded.clickhouse.engine.formats import FRAMING_SETTING, can_stream, is_made_in_memory
from embedded.clickhouse.engine.input_rows import RowsOfInput
from embedded.clickhouse.engine.job import Job
from embedded.clickhouse.engine.sessions import Session
from embedded.clickhouse.engine.statement_policy import settings_of
from embedded.clickhouse.engine.statements import Statement, changes_session
from embedded.clickhouse.errors import Code, QueryError

T = TypeVar("T")
MAX_HELD_BYTES = 256 * 1024 * 1024
"""Results that are held in memory: of statements that are no SELECT."""
MAX_WHOLE_BYTES = 32 * 1024 * 1024
"""Results in formats that the engine makes in memory."""
MAX_SPOOLED_BYTES = 4 * 1024 * 1024 * 1024
"""Results that are written to a file before they are sent."""
PIECE_BYTES = 1024 * 1024
_FORMAT_NAME = re.compile(rb"FORMAT\s+\w+", re.IGNORECASE)
_TYPE_IN_LINES = re.compile(rb"(?<=\()\\n *|(?<=,)\\n *(?= )")
# Statements that can be asked for their columns first, as they only show.
_SHOWING = frozenset({"SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK"})


class Execution:
    """One statement on its connection. `call` runs the blocking methods on a thread.

    Args:
        running: lists the statements that run now.
    """

    def __init__(
        self,
        engine: Engine,
        threads: ThreadPoolExecutor,
        job: Job,
        session: Session | None,
        running: Callable[[], Sequence[Job]],
    ) -> None:
        self._engine = engine
        self._threads = threads
        self.job = job
        self._session = session
        self._running = running
        self._connection: Connection | None = None
        self._rows_of_input: RowsOfInput | None = None
        self._file: IO[bytes] | None = None
        self._blocks: Iterator[bytes] | None = None
        self._pending: asyncio.Future[Any] | None = None
        self.is_finished = False
        """Nothing is left to cancel, so that closing takes no time."""

    async def call(self, work: Callable[[], T]) -> T:
        """Run `work` on a thread; when the caller is cancelled the work continues."""
        self._pending = asyncio.get_running_loop().run_in_executor(self._threads, work)
        result: T = await asyncio.shield(self._pending)
        return result

    @property
    def is_kept(self) -> bool:
        """Its connection belongs to a session, which is tidied up at the end."""
        return self._session is not None and self._session.handle is not None

    async def settle(self) -> None:
        """Wait for the work still on a thread, when there is any."""
        if self._pending is not None:
            await asyncio.wait({self._pending})

    @property
    def progress(self) -> QueryProgress:
        return self._connection.progress if self._connection else QueryProgress()

    def begin_read(self, statement: Statement) -> tuple[list[bytes | memoryview], bool]:
        """Run anything but an insert with data.

        Returns:
            The beginning of the result, and whether it is all of it.
        """
        job = self.job
        streams = self._can_stream(statement)
        limit = MAX_SPOOLED_BYTES if statement.can_stream else MAX_HELD_BYTES
        if is_made_in_memory(self._output_format(statement)):
            limit = MAX_WHOLE_BYTES
        connection = self._open(statement, max_result_bytes=None if streams else limit)
        self._check(connection, statement.text, statement.client_text)
        if statement.can_stream or (self._revision(statement) and statement.kind in _SHOWING):
            text = own_answers.with_own_answers(statement, job, self._running())
            self._blocks = self._pieces(connection, statement, text, streams=streams)
            # Two pieces are asked for: a result of one is then known to be complete, and its
            # answer carries length and summary.
            beginning: list[bytes | memoryview] = [*islice(self._blocks, 2)]
            self.is_finished = len(beginning) < 2  # noqa: PLR2004 # as asked for above
            return beginning, self.is_finished
        result = self._run(connection, statement)
        self.is_finished = True
        return [result], True

    def _can_stream(self, statement: Statement) -> bool:
        job = self.job
        has_frame = FRAMING_SETTING in job.settings or FRAMING_SETTING.encode() in statement.text
        may_stream = statement.can_stream and not job.waits_for_end and not has_frame
        return may_stream and can_stream(self._output_format(statement))

    def _run(self, connection: Connection, statement: Statement) -> memoryview:
        """The whole result of a statement that is no SELECT."""
        job = self.job
        if statement.kind == "KILL":
            return own_answers.kill(connection, statement.text, self._running(), own=job)
        session, changed = self._session, ""
        if changes_session(statement):
            changed = connection.formatted(statement.text)
        text = own_answers.with_own_answers(statement, job, self._running())
        result = connection.run(text, job.default_format)
        if session is not None and changed:
            self._note(session, connection, changed)
        return result

    def _pieces(
        self, connection: Connection, statement: Statement, text: bytes, *, streams: bool
    ) -> Iterator[bytes]:
        """The result of a read, streamed or from a file. `text` may differ before `FORMAT`."""
        job = self.job
        ending = b"" if statement.format_at is None else statement.text[statement.format_at :]
        query = text[: len(text) - len(ending)].rstrip(b"; \t\r\n") + b"\n"
        if revision := self._revision(statement):
            columns = self._columns(connection, query, is_select=statement.can_stream)
            text = query + _FORMAT_NAME.sub(b"FORMAT Buffers", ending, count=1)
            buffers = connection.stream(text, "Buffers")
            blocks = native.with_revision(buffers, columns, revision)
            return blocks if streams else self._spooled(blocks)
        if streams:
            return connection.stream(text, job.default_format)
        # The engine writes the result to a file, whose size memory does not limit.
        path = self._engine.spool / job.mark
        ending = ending or f"FORMAT {job.default_format}".encode()
        try:
            connection.run(query + f"INTO OUTFILE '{path}' ".encode() + ending, "Null")
            self._file = path.open("rb")  # closed at the end
        except QueryError as error:
            if error.code == Code.TOO_MANY_ROWS_OR_BYTES:
                raise QueryError(error.code, self._too_large(statement)) from error
            raise
        finally:
            path.unlink(missing_ok=True)
        return iter(partial(self._file.read, PIECE_BYTES), b"")

    def _too_large(self, statement: Statement) -> str:
        name = self._output_format(statement)
        held = is_made_in_memory(name)
        where, limit = ("memory", MAX_WHOLE_BYTES) if held else ("a file", MAX_SPOOLED_BYTES)
        return (
            f"Limit for result exceeded: {name} is made in {where}, of at most {limit} bytes. Ask"
            " for a format that is sent in blocks (JSONEachRow, CSV, Native), or for fewer rows"
        )

    def _output_format(self, statement: Statement) -> str:
        return statement.output_format or self.job.default_format

    def _revision(self, statement: Statement) -> int:
        """That of the client, where the answer depends on it."""
        is_native = self._output_format(statement).upper() == "NATIVE"
        return self.job.protocol_revision if is_native else 0

    def _spooled(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        self._file = TemporaryFile(dir=self._engine.spool)  # noqa: SIM115 # closed at the end
        self._file.writelines(blocks)
        self._file.seek(0)
        return iter(partial(self._file.read, PIECE_BYTES), b"")

    def _columns(
        self, connection: Connection, query: bytes, *, is_select: bool
    ) -> list[tuple[str, str]]:
        """Names and types of the columns of an answer."""
        if is_select:
            listed = connection.run(b"DESCRIBE TABLE (" + query + b")", "JSONCompactEachRow")
            connection.progress = QueryProgress()
            # The type of a tuple comes in lines.
            lines = (_TYPE_IN_LINES.sub(b"", line) for line in bytes(listed).splitlines())
            return [tuple(json.loads(line)[:2]) for line in lines]
        listed = connection.run(query, "JSONCompactEachRowWithNamesAndTypes")
        names, types = (json.loads(line) for line in bytes(listed).splitlines()[:2])
        return list(zip(names, types, strict=True))

    def _note(self, session: Session, connection: Connection, formatted: str) -> None:
        """Remember a change of the session, unless it sets what the user may not."""
        names = settings_of(formatted)
        before = dict(session.settings)
        session.note(connection, names, uses_database=formatted.startswith("USE "))
        try:
            self.job.account.settings(session.settings)
        except QueryError:
            session.settings = before
            session.reset(connection, names, database=False)
            raise

    def next_block(self) -> bytes | None:
        """The next piece of the result, None at its end."""
        block = next(self._blocks, None) if self._blocks is not None else None
        self.is_finished = block is None
        return block

    def begin_insert(self, statement: Statement) -> None:
        connection = self._open(statement)
        input_format = statement.input_format or "TabSeparated"
        text = statement.text
        if statement.source is not None:
            self._rows_of_input = RowsOfInput(statement, statement.source)
            self._check(connection, self._rows_of_input.select)
            self._check(connection, self._rows_of_input.create)
            connection.run(self._rows_of_input.create)
            text = self._rows_of_input.insert
        self._check(connection, text + b" FORMAT " + input_format.encode())
        connection.begin_insert(text, input_format)

    def append(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.append(data)

    def finish_insert(self, rest: bytes) -> None:
        """Append the rest and write all of it."""
        if rest:
            self.append(rest)
        if self._connection is not None:
            self._connection.finish_insert()
            if self._rows_of_input is not None:
                self._connection.progress = QueryProgress()
                self._connection.run(self._rows_of_input.select)
        self.is_finished = True

    def close(self) -> None:
        """Cancel what is unfinished and let go of the connection."""
        if isinstance(self._blocks, Generator):
            # Its query ends with it.
            self._blocks.close()
        if self._file is not None:
            self._file.close()
        if self._connection is not None:
            self._connection.close()

    def _check(self, connection: Connection, text: bytes, client_text: bytes = b"") -> None:
        job = self.job
        self._engine.policy.check(
            connection,
            text,
            account=job.account,
            parameters=job.parameters,
            must_read=job.must_read,
            client_text=client_text,
        )

    def _open(self, statement: Statement, *, max_result_bytes: int | None = None) -> Connection:
        session, job = self._session, self.job
        settings = dict(job.settings)
        if max_result_bytes is not None:
            asked = settings.get("max_result_bytes", "0")
            if not (asked.isdecimal() and 0 < int(asked) < max_result_bytes):
                # An answer is never cut off by a limit that its client did not ask for.
                settings |= {
                    "max_result_bytes": str(max_result_bytes),
                    "result_overflow_mode": "throw",
                }
        changes = changes_session(statement) and not job.account.read_only
        if session is not None and (changes or session.handle is not None):
            return self._open_kept(session, settings)
        if changes:
            raise QueryError(
                Code.NOT_IMPLEMENTED,
                f"{statement.kind} would be forgotten at the end of this request: name a session"
                " with session_id, or send settings, parameters and the database in the URL",
            )
        self._connection = self._engine.connect(
            database=job.database or "default",
            settings=settings,
            parameters=job.parameters,
            read_only=job.account.read_only,
            mark=job.comment,
            prepare=self._make_external_tables if job.external_tables else None,
        )
        return self._connection

    def _open_kept(self, session: Session, settings: Mapping[str, str]) -> Connection:
        """The session's own connection, with this request's settings on it until its end."""
        job, is_new = self.job, session.handle is None
        own = {
            name: value
            for name, value in settings.items()
            if name in job.asked_settings or name not in session.baseline
        }
        session.handle = session.handle or self._engine.new_handle()

        def tidy(_handle: Any, _is_clean: bool) -> None:  # noqa: FBT001 # as the connection calls it
            for table in job.external_tables:
                table.drop(connection)
            if self._rows_of_input is not None:
                connection.run(self._rows_of_input.drop)
            session.reset(connection, list(own), database=bool(job.database))

        connection = Connection(
            session.handle,
            tidy,
            parameters={**session.parameters, **job.parameters},
            mark=job.comment,
        )
        self._connection = connection
        connection.refuse_bad_names()
        if is_new:
            connection.set(session.baseline)
        if job.database:
            connection.use(job.database)
        connection.set(own)
        self._make_external_tables(connection)
        return connection

    def _make_external_tables(self, connection: Connection) -> None:
        for table in self.job.external_tables:
            table.make(connection)
