"""Reads dialogs of gzip JSON lines `{"ts", "user", "text"}`. Knows nothing about Telegram's wire.

Made for the Ubuntu IRC logs published with "A Large-Scale Corpus for Conversation
Disentanglement" (Kummerfeld et al., ACL 2019), licensed CC-BY-4.0; any file of that shape will do.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import orjson

from common.errors import SettingError
from simulator.telegram.world import as_sent

LONGEST_LINE = 1024 * 1024
"""Bytes. A longer line is passed over without being held in memory."""
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Line:
    """One message that a person wrote."""

    number: int
    """Counted from 1, unreadable lines included."""
    at: datetime
    """UTC."""
    user: str
    text: str
    """As a Telegram client would send it."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    number: int
    reason: str


@dataclass(slots=True)
class Tally:
    """What a reading came across."""

    lines_read: int = 0
    """Readable and unreadable ones."""
    lines_skipped: int = 0
    """Unreadable ones."""


class Dialogs(Protocol):
    """Where messages come from: a file, or made up."""

    def lines(self, tally: Tally | None = None) -> Iterator[Line]:
        """Every readable message, oldest first; a second call starts again."""
        ...


class DataFile:
    """A file of dialogs.

    Args:
        report: told of every unreadable line.

    Raises:
        SettingError: missing, unreadable or not gzip, naming DATA.
    """

    def __init__(self, path: Path, *, report: Callable[[Unreadable], None]) -> None:
        self._path = path
        self._report = report
        try:
            with path.open("rb") as file:
                magic = file.read(len(GZIP_MAGIC))
        except OSError as error:
            raise SettingError("DATA", f"cannot read {path}: {error.strerror or error}") from error
        if magic != GZIP_MAGIC:
            raise SettingError("DATA", f"{path} is not a gzip file")

    def lines(self, tally: Tally | None = None) -> Iterator[Line]:
        """Stream the readable lines.

        Raises:
            SettingError: the file is damaged, naming DATA and the last whole line.
        """
        counted = tally if tally is not None else Tally()
        number = 0
        try:
            with gzip.open(self._path, "rb") as file:
                while raw := file.readline(LONGEST_LINE + 1):
                    number += 1
                    counted.lines_read += 1
                    parsed = self._parse(number, raw, file)
                    if isinstance(parsed, Line):
                        yield parsed
                    else:
                        counted.lines_skipped += 1
                        self._report(parsed)
        except (OSError, EOFError, zlib.error) as error:
            raise SettingError(
                "DATA", f"{self._path} is damaged after line {number}: {error}"
            ) from error

    @staticmethod
    def _parse(number: int, raw: bytes, file: gzip.GzipFile) -> Line | Unreadable:
        if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            return Unreadable(number, f"longer than {LONGEST_LINE} bytes")
        try:
            return parse_line(number, raw)
        except ValueError as error:
            return Unreadable(number, str(error))


def parse_line(number: int, raw: bytes) -> Line:
    """One line.

    Raises:
        ValueError: says in a few words what is wrong with it.
    """
    record = _decoded(raw)
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 # one error for every unreadable line
    user, text = _string(record, "user"), _string(record, "text")
    at = _moment(_string(record, "ts"))
    sent = as_sent(text)
    if not sent:
        raise ValueError("text is empty")
    name = as_sent(user)
    if not name:
        raise ValueError("user is empty")
    return Line(number=number, at=at, user=name, text=sent)


def _decoded(raw: bytes) -> object:
    if not raw.strip():
        raise ValueError("empty line")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    # Only to say what is wrong: the strict parser has refused the line.
    try:
        json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    raise ValueError("not valid Unicode or not strict JSON")


def _string(record: dict[object, object], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is missing" if value is None else f"{name} is not a text")  # noqa: TRY004 # the same
    return value


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("ts is not a time") from None
