"""Arrow schemas of report tables, derived from the dataclasses of their rows.

The schema does not depend on the rows, so tables of several periods can be concatenated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pyarrow as pa

MOMENT = pa.timestamp("us", tz="UTC")
DECIMAL = pa.decimal128(38, 10)
COUNT = pa.int64()
NUMBER = pa.float64()
DAY = pa.date32()
TEXT = pa.string()
_TYPES: dict[Any, pa.DataType] = {
    bool: pa.bool_(),
    int: COUNT,
    float: NUMBER,
    str: TEXT,
    UUID: TEXT,
    Decimal: DECIMAL,
    datetime: MOMENT,
    date: DAY,
}


def schema_of(shape: type) -> pa.Schema:
    """The columns of a dataclass flattened by `flat`. A tuple is one text."""
    return pa.schema(_columns(shape, prefix=""))


def texts(*names: str) -> pa.Schema:
    """Columns of text."""
    return pa.schema((name, TEXT) for name in names)


def joined(*schemas: Iterable[pa.Field]) -> pa.Schema:
    """A schema with the columns of all, in order."""
    return pa.schema([field for schema in schemas for field in schema])


NAME_COLUMNS = texts("name", "username")
"""Added to tables that show users, for accounts with `names:read`."""


def _columns(shape: type, *, prefix: str) -> list[pa.Field]:
    hints = get_type_hints(shape)
    columns = []
    for field in fields(shape):
        kind = _without_none(hints[field.name])
        if is_dataclass(kind):
            assert isinstance(kind, type)  # noqa: S101 # an annotation names no instance
            columns += _columns(kind, prefix=f"{prefix}{field.name}_")
        else:
            columns.append(pa.field(prefix + field.name, _type_of(kind)))
    return columns


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, UnionType):
        return hint
    [kind] = [kind for kind in get_args(hint) if kind is not NoneType]
    return kind


def _type_of(kind: Any) -> pa.DataType:
    if get_origin(kind) is tuple:
        return TEXT
    # Enums map to the type of their values.
    return _TYPES.get(kind) or _TYPES[next(base for base in kind.__mro__ if base in _TYPES)]
