"""Formats of answers: JSON, CSV and Arrow."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import pyarrow as pa

from api.answers.arrow_schema import DECIMAL, TEXT

Row = Mapping[str, Any]
CHUNK_ROWS = 500
BYTE_ORDER_MARK = "\ufeff".encode()
"""Excel needs it to recognise UTF-8."""
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets run a text that begins with one of these as a formula."""


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv; charset=utf-8",
    Format.ARROW: "application/vnd.apache.arrow.stream",
}


class RequestedFormat(NamedTuple):
    """The format that a request names."""

    format: Format | None = None
    """None: `Accept` decides."""
    has_bom: bool = False
    """CSV begins with a byte order mark."""


def negotiate(requested: RequestedFormat, accept: str) -> Format:
    """`format=` if given, else the preferred one in Accept, else JSON."""
    if requested.format is not None:
        return requested.format
    if not accept or accept == "*/*":
        return Format.JSON
    best, best_weight = Format.JSON, 0.0
    for part in accept.lower().split(","):
        media, _, parameters = part.strip().partition(";")
        weight = 1.0
        for parameter in parameters.split(";"):
            name, _, value = parameter.strip().partition("=")
            if name == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        for format_, offered in MEDIA_TYPES.items():
            if media.strip() == offered.partition(";")[0] and weight > best_weight:
                best, best_weight = format_, weight
    return best


def flat(row: Any, *, prefix: str = "") -> dict[str, Any]:
    """A dataclass as one level of columns; nested names are joined by underscores."""
    columns: dict[str, Any] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if is_dataclass(value):
            columns |= flat(value, prefix=f"{prefix}{field.name}_")
        else:
            columns[prefix + field.name] = value
    return columns


async def to_csv(
    chunks: AsyncIterator[Sequence[Row]], columns: Sequence[str], *, has_bom: bool
) -> AsyncIterator[bytes]:
    """CSV (RFC 4180) with a header.

    Texts that begin with one of `FORMULA_SIGNS` are prefixed with an apostrophe.
    """
    yield (BYTE_ORDER_MARK if has_bom else b"") + _lines([columns])
    async for chunk in chunks:
        yield _lines([_cell(row.get(name)) for name in columns] for row in chunk)


async def to_arrow(
    chunks: AsyncIterator[Sequence[Row]], schema: pa.Schema, metadata: Mapping[str, str]
) -> AsyncIterator[bytes]:
    """An Arrow IPC stream. The fields about the answer's age are the schema's metadata."""
    schema = schema.with_metadata({key: str(value) for key, value in metadata.items()})
    sink = io.BytesIO()
    writer = pa.ipc.new_stream(sink, schema)
    yield _taken(sink)
    async for chunk in chunks:
        arrays = [_column([row.get(field.name) for row in chunk], field.type) for field in schema]
        writer.write_batch(pa.record_batch(arrays, schema=schema))
        yield _taken(sink)
    writer.close()
    yield _taken(sink)


async def in_chunks(rows: Sequence[Row]) -> AsyncIterator[Sequence[Row]]:
    """Splits rows into chunks."""
    for start in range(0, len(rows), CHUNK_ROWS):
        yield rows[start : start + CHUNK_ROWS]


def _lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _taken(sink: io.BytesIO) -> bytes:
    written = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return written


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        return f"'{value}"
    return value


def _column(values: list[Any], type_: pa.DataType) -> pa.Array:
    if type_ == TEXT:
        values = [None if value is None else str(value) for value in values]
    elif type_ == DECIMAL:
        values = [None if value is None else Decimal(value) for value in values]
    return pa.array(values, type=type_)


def moment(value: datetime) -> str:
    """ISO 8601 in UTC with Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
