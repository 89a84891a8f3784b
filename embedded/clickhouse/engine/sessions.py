"""One connection to the engine, for one statement at a time. Calls block: make them on threads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from operator import add
from types import TracebackType
from typing import Any, Self

from embedded.clickhouse.engine.classifier import Classification, Classifier
from embedded.clickhouse.errors import ENGINE_ERRORS, Code, QueryError, from_engine

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_$]+")
_FORMAT = b"SELECT formatQuerySingleLine({statement:String})"
_SCOPE_OF_FORMAT = re.compile(
    r": In scope SELECT formatQuerySingleLine\(.*\)(?=\. \([A-Z_]+\)\Z)", re.DOTALL
)
MAX_PARSED_BYTES = 262_144
"""The engine's own limit (`max_query_size`); rows in `VALUES` do not count."""
_STREAM_REFUSED = "Streaming query is not supported"


@dataclass(frozen=True)
class Progress:
    """What a query has read and written so far."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0

    def __add__(self, other: Progress) -> Progress:
        return Progress(*map(add, astuple(self), astuple(other)))


class Session:
    """One connection, for one statement at a time.

    Args:
        parameters: of the statements, in the form in which they stand in a URL.
        mark: a comment before every statement, by which it can be found and killed.
    """

    def __init__(
        self,
        connection: Any,
        classifier: Classifier,
        *,
        parameters: Mapping[str, str],
        mark: bytes = b"",
    ) -> None:
        self._connection = connection
        self._classifier = classifier
        self._mark = mark
        self._parameters = dict(parameters)
        self._keep: Callable[[Any], None] | None = None
        self.progress = Progress()

    def may_be_kept(self, keep: Callable[[Any], None]) -> None:
        """Hand the connection to `keep` at the end, unless something went wrong on it."""
        self._keep = keep

    def refuse_bad_names(self) -> None:
        """Refuse parameters whose names could not stand in a statement."""
        for name in self._parameters:
            if not _PARAMETER_NAME.fullmatch(name):
                raise QueryError(Code.BAD_ARGUMENTS, f"Bad parameter name {name!r}")

    def prepare(self, *, database: str, settings: Mapping[str, str], read_only: bool) -> None:
        """Choose the database and apply settings; `read_only` is applied last and is final."""
        assignments = []
        for name, value in settings.items():
            if not _SETTING_NAME.fullmatch(name) or name.startswith("param_"):
                raise QueryError(Code.UNKNOWN_SETTING, f"Unknown setting {name!r}")
            assignments.append(f"{name} = {literal(value)}")
        steps = []
        if database != "default":
            steps.append(f"USE {_identifier(database)}")
        if assignments:
            steps.append(f"SET {', '.join(assignments)}")
        if read_only:
            steps.append("SET readonly = 1")
        if steps:
            self._set("; ".join(steps))

    def run(self, text: bytes, output_format: str = "TabSeparated") -> memoryview:
        """The whole result of one statement."""
        try:
            result = self._connection.query(self._mark + text, output_format, params=self._passed())
        except ENGINE_ERRORS as error:
            raise self._failed(error) from error
        self._count(result)
        # The engine's own view does not keep its buffer alive: read later, it is other memory.
        return memoryview(result.bytes())

    def stream(self, text: bytes, output_format: str) -> Iterator[tuple[int, bytes]]:
        """The result block by block: its rows, and a whole document of `output_format`."""
        try:
            stream = self._connection.send_query(
                self._mark + text, output_format, params=self._passed()
            )
        except ENGINE_ERRORS as error:
            if _STREAM_REFUSED in str(error):
                yield 0, bytes(self.run(text, output_format))
                return
            raise self._failed(error) from error
        finished = False
        try:
            while True:
                try:
                    block = self._connection.streaming_fetch_result(stream)
                except ENGINE_ERRORS as error:
                    finished = True
                    raise self._failed(error) from error
                content = block.bytes()
                if not content and not block.rows_read():
                    finished = True
                    self._count(block)
                    return
                self._count(block)
                if content:
                    yield block.rows_read(), content
        finally:
            if not finished:
                self._keep = None
                self._connection.streaming_cancel_query(stream)

    def insert(self, text: bytes, input_format: str) -> Insert:
        """Begin an INSERT whose data follow in `input_format`."""
        self._set_parameters()
        try:
            handle = self._connection.send_insert(self._mark + text, input_format)
        except ENGINE_ERRORS as error:
            raise self._failed(error) from error
        return Insert(self, self._connection, handle)

    def classify(self, text: bytes) -> Classification:
        """What the engine's parser sees in a text."""
        return self._classifier.classify(self._connection, text)

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
            result = self._connection.query(_FORMAT, "TSVRaw", params={"statement": given})
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
        return self._parameters

    def _set_parameters(self) -> None:
        """Leave the parameters on the connection, which nobody else may use then."""
        if self._parameters:
            values = (f"param_{name} = {literal(v)}" for name, v in self._parameters.items())
            self._parameters = {}
            self._keep = None
            self._set(f"SET {', '.join(values)}")

    def _set(self, text: str) -> None:
        try:
            self._connection.query(text.encode("utf-8", "surrogateescape"), "Null")
        except ENGINE_ERRORS as error:
            raise self._failed(error) from error

    def _failed(self, error: RuntimeError | UnicodeDecodeError) -> QueryError:
        self._keep = None
        return from_engine(error, shift=len(self._mark))

    def _count(self, result: Any) -> None:
        self.progress += Progress(
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            result_rows=result.rows_read(),
            result_bytes=result.size(),
        )

    def close(self) -> None:
        if self._keep is not None:
            self._keep(self._connection)
        else:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Insert:
    """An INSERT that takes its data in pieces. Nothing is promised before `finish` returns."""

    def __init__(self, session: Session, connection: Any, handle: Any) -> None:
        self._session = session
        self._connection = connection
        self._handle = handle

    def append(self, data: bytes) -> None:
        try:
            self._connection.insert_append(self._handle, data)
        except ENGINE_ERRORS as error:
            raise from_engine(error) from error

    def finish(self) -> None:
        """Write what was appended; on return it is on disk."""
        try:
            result = self._connection.insert_done(self._handle)
        except ENGINE_ERRORS as error:
            raise from_engine(error) from error
        self._session.progress += Progress(
            read_rows=result.rows_written(),
            read_bytes=result.bytes_written(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
        )

    def cancel(self) -> None:
        """Give up. Blocks that were already written stay."""
        self._connection.insert_cancel(self._handle)


def literal(value: str) -> str:
    """A string as it stands in a statement."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _identifier(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
