"""One connection to the engine, for one statement at a time. Calls block: make them on threads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from operator import add
from typing import Any

from embedded.clickhouse.errors import ENGINE_ERRORS, Code, QueryError, from_engine

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_$]+")
_FORMAT = b"SELECT formatQuerySingleLine({statement:String})"
_SCOPE_OF_FORMAT = re.compile(
    r": In scope SELECT formatQuerySingleLine\(.*\)(?=\. \([A-Z_]+\)\Z)", re.DOTALL
)
MAX_PARSED_BYTES = 262_144
"""The engine's own limit (`max_query_size`); rows in `VALUES` do not count."""
# The default, which the engine refuses in a `SET`. Clients send it with all they know.
_IN_FOREGROUND = ("run_query_in_background", "0")
_STREAM_REFUSED = "Streaming query is not supported"


@dataclass(frozen=True)
class QueryProgress:
    """Rows and bytes that a query has read and written so far."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0

    def __add__(self, other: QueryProgress) -> QueryProgress:
        return QueryProgress(*map(add, astuple(self), astuple(other)))


class Connection:
    """One connection, for one statement at a time.

    Args:
        handle: the engine's own.
        release: takes the handle in the end, and whether it can be used again.
        parameters: of the statements, in the form that they have in a URL.
        mark: a comment before every statement, by which it can be found and killed.
    """

    def __init__(
        self,
        handle: Any,
        release: Callable[[Any, bool], None],
        *,
        parameters: Mapping[str, str],
        mark: bytes = b"",
    ) -> None:
        self._handle = handle
        self._release = release
        self._mark = mark
        self._parameters = dict(parameters)
        self._is_clean = True
        self._insert: Any = None
        self.progress = QueryProgress()

    def refuse_bad_names(self) -> None:
        """Refuse parameters whose names cannot be written in a statement."""
        for name in self._parameters:
            if not _PARAMETER_NAME.fullmatch(name):
                raise QueryError(Code.BAD_ARGUMENTS, f"Bad parameter name {name!r}")

    def use(self, database: str) -> None:
        self._set(f"USE {identifier(database)}")

    def set(self, settings: Mapping[str, str]) -> None:
        """Apply settings."""
        for name in settings:
            if not _SETTING_NAME.fullmatch(name) or name.startswith("param_"):
                raise QueryError(Code.UNKNOWN_SETTING, f"Unknown setting {name!r}")
        given = (pair for pair in settings.items() if pair != _IN_FOREGROUND)
        if values := ", ".join(f"{name} = {literal(value)}" for name, value in given):
            self._set(f"SET {values}")

    def set_to_default(self, names: Iterable[str]) -> None:
        if values := ", ".join(f"{name} = DEFAULT" for name in names):
            self._set(f"SET {values}")

    def run(self, text: bytes, output_format: str = "TabSeparated") -> memoryview:
        """The whole result of one statement."""
        passed = self._passed()
        with self._engine_errors():
            result = self._handle.query(self._mark + text, output_format, params=passed)
        self._count(result)
        # The engine's own view does not keep its buffer alive: read later, it is other memory.
        return memoryview(result.bytes())

    def stream(self, text: bytes, output_format: str) -> Iterator[bytes]:
        """The result block by block, each as a whole document of `output_format`."""
        query, passed = self._handle.send_query, self._passed()
        try:
            with self._engine_errors():
                stream = query(self._mark + text, output_format, params=passed)
        except QueryError as error:
            if _STREAM_REFUSED not in str(error):
                raise
            yield bytes(self.run(text, output_format))
            return
        has_ended = False
        try:
            while not has_ended:
                has_ended = True
                with self._engine_errors():
                    block = self._handle.streaming_fetch_result(stream)
                content = block.bytes()
                has_ended = not content and not block.rows_read()
                self._count(block)
                if content:
                    yield content
        finally:
            if not has_ended:
                self._is_clean = False
                self._handle.streaming_cancel_query(stream)

    def begin_insert(self, text: bytes, input_format: str) -> None:
        """Begin an INSERT whose data follow; nothing is promised before `finish_insert`."""
        self._set_parameters()
        with self._engine_errors():
            self._insert = self._handle.send_insert(self._mark + text, input_format)

    def append(self, data: bytes) -> None:
        with self._engine_errors():
            self._handle.insert_append(self._insert, data)

    def finish_insert(self) -> None:
        """Write what was appended; on return it is on disk."""
        insert, self._insert = self._insert, None
        with self._engine_errors():
            result = self._handle.insert_done(insert)
        rows, size = result.rows_written(), result.bytes_written()
        self.progress += QueryProgress(
            read_rows=rows, read_bytes=size, written_rows=rows, written_bytes=size
        )

    def classify(self, text: bytes) -> tuple[int, bool]:
        """How many statements the engine's parser sees in a text, and whether they only read."""
        found = self._handle.classify_query(text)
        return found["statement_count"], found["query_class"].name == "READ_ONLY"

    def formatted(self, text: bytes) -> str:
        """One statement as the engine's formatter writes it, data of an insert left out.

        Raises:
            QueryError: it is none, more than one, or longer than the engine parses. Places in the
                message are those of `text`.
        """
        given = text[:MAX_PARSED_BYTES].decode("utf-8", "replace")
        for plain, escaped in (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\0", r"\0")):
            given = given.replace(plain, escaped)
        try:
            result = self._handle.query(_FORMAT, "TSVRaw", params={"statement": given})
        except ENGINE_ERRORS as error:
            failed = from_engine(error)
            raise QueryError(failed.code, _SCOPE_OF_FORMAT.sub("", str(failed))) from error
        return bytes(result.bytes()).decode("utf-8", "replace").rstrip("\n")

    def _passed(self) -> dict[str, str]:
        """The parameters that travel beside the statement and are gone after it."""
        try:
            "".join(self._parameters.values()).encode()
        except UnicodeEncodeError:
            # The engine's binding takes text only, a parameter may be any bytes.
            self._set_parameters()
            self._parameters = {}
        return self._parameters

    def _set_parameters(self) -> None:
        """Leave the parameters on the connection, which cannot be used again then."""
        if self._parameters:
            values = (f"param_{name} = {literal(v)}" for name, v in self._parameters.items())
            self._is_clean = False
            self._set(f"SET {', '.join(values)}")

    def _set(self, text: str) -> None:
        with self._engine_errors():
            self._handle.query(text.encode("utf-8", "surrogateescape"), "Null")

    @contextmanager
    def _engine_errors(self) -> Iterator[None]:
        try:
            yield
        except ENGINE_ERRORS as error:
            self._is_clean = False
            raise from_engine(error, shift=len(self._mark)) from error

    def _count(self, result: Any) -> None:
        self.progress += QueryProgress(
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            result_rows=result.rows_read(),
            result_bytes=result.size(),
        )

    def close(self) -> None:
        """Cancel an insert that is unfinished, of which written blocks stay, and let go."""
        if self._insert is not None:
            self._handle.insert_cancel(self._insert)
        self._release(self._handle, self._is_clean)


def literal(value: str) -> str:
    """A string as a literal of a statement."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def identifier(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
