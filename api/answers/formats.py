"""One answer as JSON, CSV or Arrow. Knows rows and fields, no report."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import pyarrow as pa

Row = Mapping[str, Any]
CHUNK_ROWS = 500
MOMENT = pa.timestamp("us", tz="UTC")
DECIMAL = pa.decimal128(38, 10)
JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv; charset=utf-8",
    Format.ARROW: "application/vnd.apache.arrow.stream",
}


def negotiate(asked: Format | None, accept: str) -> Format:
    """`format=` when given, else the best of what Accept names, else JSON."""
    if asked is not None:
        return asked
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
        for format_, own in MEDIA_TYPES.items():
            if media.strip() == own.partition(";")[0] and weight > best_weight:
                best, best_weight = format_, weight
    return best


def to_json(value: Any) -> bytes:
    """JSON with every digit of a decimal as a number, moments in UTC with Z."""
    return orjson.dumps(value, default=_json_default, option=JSON_OPTIONS)


def _json_default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    if isinstance(value, UUID):  # the driver's own subclass
        return str(value)
    raise TypeError(type(value).__name__)


def flat(row: Any, *, prefix: str = "") -> dict[str, Any]:
    """A dataclass as one level of columns; nested ones are joined by underscores."""
    columns: dict[str, Any] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if is_dataclass(value):
            columns |= flat(value, prefix=f"{prefix}{field.name}_")
        else:
            columns[prefix + field.name] = value
    return columns


def columns_of(shape: type) -> tuple[str, ...]:
    """The columns that `flat` makes of a dataclass without nested ones."""
    return tuple(field.name for field in fields(shape))


async def to_csv(
    chunks: AsyncIterator[Sequence[Row]], columns: Sequence[str]
) -> AsyncIterator[bytes]:
    """Comma-separated, header first, RFC 4180."""
    yield _lines([columns])
    async for chunk in chunks:
        yield _lines([_cell(row.get(name)) for name in columns] for row in chunk)


async def to_arrow(
    chunks: AsyncIterator[Sequence[Row]], schema: pa.Schema, metadata: Mapping[str, str]
) -> AsyncIterator[bytes]:
    """An Arrow IPC stream; what JSON states about the answer is the schema's metadata."""
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


def schema_of(rows: Sequence[Row], columns: Sequence[str]) -> pa.Schema:
    """The columns and the types that hold all the rows."""
    return pa.schema([(name, _type([row.get(name) for row in rows])) for name in columns])


async def in_chunks(rows: Sequence[Row]) -> AsyncIterator[Sequence[Row]]:
    """Rows that are there already, a few at a time."""
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
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"  # a spreadsheet would run it as a formula
    return value


def _type(values: list[Any]) -> pa.DataType:
    present = [value for value in values if value is not None]
    if any(isinstance(value, Decimal) for value in present):
        return DECIMAL
    if present and all(isinstance(value, datetime) for value in present):
        return MOMENT
    if present and all(type(value) is date for value in present):
        return pa.date32()
    if any(isinstance(value, (str, UUID)) for value in present):
        return pa.string()
    return pa.array(present).type


def _column(values: list[Any], type_: pa.DataType) -> pa.Array:
    if type_ == pa.string():
        values = [None if value is None else str(value) for value in values]
    elif type_ == DECIMAL:
        values = [None if value is None else Decimal(value) for value in values]
    return pa.array(values, type=type_)


def moment(value: datetime) -> str:
    """UTC with Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
