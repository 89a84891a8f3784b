"""Reads dialogs from gzip JSON lines `{"ts", "user", "text"}`.

Made for the Ubuntu IRC logs published with "A Large-Scale Corpus for Conversation
Disentanglement" (Kummerfeld et al., ACL 2019), licensed CC-BY-4.0.
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
from simulator.telegram.world import normalize_text

MAX_LINE = 1024 * 1024
"""Bytes. A longer line is skipped without being kept in memory."""
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class DialogLine:
    """One message by a user."""

    number: int
    """Line number from 1, including unreadable lines."""
    at: datetime
    """UTC."""
    user: str
    text: str
    """Normalized as a Telegram client would send it."""


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    number: int
    reason: str


@dataclass(slots=True)
class ReadCounts:
    """How many lines were read."""

    lines_read: int = 0
    """Readable and unreadable."""
    lines_skipped: int = 0
    """Unreadable."""


class DialogSource(Protocol):
    """A source of messages: a file, or generated."""

    def lines(self, tally: ReadCounts | None = None) -> Iterator[DialogLine]:
        """Every readable message, oldest first; each call starts from the beginning."""
        ...


class DataFile:
    """A file of dialogs.

    Args:
        report: called for every unreadable line.

    Raises:
            SettingError: the file DATA is missing, unreadable or not gzip.
    """

    def __init__(self, path: Path, *, report: Callable[[UnreadableLine], None]) -> None:
        self._path = path
        self._report = report
        try:
            with path.open("rb") as file:
                magic = file.read(len(GZIP_MAGIC))
        except OSError as error:
            raise SettingError("DATA", f"cannot read {path}: {error.strerror or error}") from error
        if magic != GZIP_MAGIC:
            raise SettingError("DATA", f"{path} is not a gzip file")

    def lines(self, tally: ReadCounts | None = None) -> Iterator[DialogLine]:
        """Stream the readable lines.

        Raises:
            SettingError: the file DATA is damaged; the message has the last readable line.
        """
        counted = tally if tally is not None else ReadCounts()
        number = 0
        try:
            with gzip.open(self._path, "rb") as file:
                while raw := file.readline(MAX_LINE + 1):
                    number += 1
                    counted.lines_read += 1
                    parsed = self._parse(number, raw, file)
                    if isinstance(parsed, DialogLine):
                        yield parsed
                    else:
                        counted.lines_skipped += 1
                        self._report(parsed)
        except (OSError, EOFError, zlib.error) as error:
            raise SettingError(
                "DATA", f"{self._path} is damaged after line {number}: {error}"
            ) from error

    @staticmethod
    def _parse(number: int, raw: bytes, file: gzip.GzipFile) -> DialogLine | UnreadableLine:
        if len(raw) > MAX_LINE and not raw.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            return UnreadableLine(number, f"longer than {MAX_LINE} bytes")
        try:
            return parse_line(number, raw)
        except ValueError as error:
            return UnreadableLine(number, str(error))


def parse_line(number: int, raw: bytes) -> DialogLine:
    """Parse one line.

    Raises:
        ValueError: it is invalid; the message says why.
    """
    record = _decoded(raw)
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 # one error for every unreadable line
    user, text = _string(record, "user"), _string(record, "text")
    at = _moment(_string(record, "ts"))
    sent = normalize_text(text)
    if not sent:
        raise ValueError("text is empty")
    name = normalize_text(user)
    if not name:
        raise ValueError("user is empty")
    return DialogLine(number=number, at=at, user=name, text=sent)


def _decoded(raw: bytes) -> object:
    if not raw.strip():
        raise ValueError("empty line")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    # Only for the error message: the strict parser has rejected the line.
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
