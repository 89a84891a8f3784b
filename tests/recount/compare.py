"""Compares an answer with the expected one, field by field."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import ceil, floor
from typing import Any

import pyarrow as pa

from tests.recount.facts import Near
from tests.recount.view import Stated

STATED_ERROR = 0.0101
"""Documented relative error of percentiles, with a margin for binary fractions."""
STATED_ERROR_BELOW_ONE = 0.0304
"""The same for durations below a millisecond, which the engine rounds differently."""
NOTHING = "(absent)"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""CSV text cells that begin like this are quoted, or a spreadsheet would run them."""


@dataclass(frozen=True)
class Difference:
    """A field that differs from the expected one."""

    field: str
    expected: Any
    got: Any


class Comparison:
    """Counts fields, and keeps those that differ."""

    def __init__(self) -> None:
        self.fields = 0
        self.differences: list[Difference] = []

    def json(self, place: str, expected: Any, got: Any) -> None:
        """Compare every field of two JSON values, including fields that only one side has."""
        if isinstance(expected, Mapping) and isinstance(got, Mapping):
            for name in [*expected, *(name for name in got if name not in expected)]:
                self.json(
                    f"{place}.{name}" if place else name,
                    expected.get(name, NOTHING),
                    got.get(name, NOTHING),
                )
        elif _is_list(expected) and _is_list(got):
            self._check(f"{place}.length", len(expected), len(got))
            for number, (ours, theirs) in enumerate(zip(expected, got, strict=False)):
                self.json(f"{place}[{number}]", ours, theirs)
        else:
            self._check(place, expected, got)

    def table(
        self,
        place: str,
        columns: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
        got_columns: Sequence[str],
        got: Sequence[Sequence[Any]],
        *,
        is_text: bool,
    ) -> None:
        """Compare a table of CSV (whose cells are texts) or Arrow."""
        self._check(f"{place}.columns", list(columns), list(got_columns))
        self._check(f"{place}.rows", len(rows), len(got))
        for number, (row, cells) in enumerate(zip(rows, got, strict=False)):
            for name, cell in zip(got_columns, cells, strict=False):
                ours = row.get(name)
                where = f"{place}[{number}].{name}"
                self._check(where, ours, _from_text(ours, cell) if is_text else cell)

    def same(self, place: str, expected: Any, got: Any) -> None:
        self._check(place, expected, got)

    def _check(self, place: str, expected: Any, got: Any) -> None:
        self.fields += 1
        if not is_same(expected, got):
            self.differences.append(Difference(place, expected, got))


def is_same(expected: Any, got: Any) -> bool:
    """Whether one value of an answer is the expected one."""
    for kind, check in _CHECKS:
        if isinstance(expected, kind):
            return check(expected, got)
    return type(expected) is type(got) and bool(expected == got)


def is_percentile(got: float, expected: Near) -> bool:
    """Whether it is between the two neighbouring values, within the error of the sketch."""
    place = expected.share * (len(expected.values) - 1)
    low, high = expected.values[floor(place)], expected.values[ceil(place)]
    error = STATED_ERROR if low >= 1 else STATED_ERROR_BELOW_ONE
    return low * (1 - error) <= got <= high * (1 + error)


def parse_json(body: bytes) -> Any:
    """Parse JSON without losing digits of numbers."""
    return json.loads(body, parse_float=Decimal)


def parse_csv(body: bytes) -> tuple[list[str], list[list[str]]]:
    lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    return lines[0], lines[1:]


def parse_arrow(body: bytes) -> tuple[pa.Schema, list[list[Any]]]:
    with pa.ipc.open_stream(body) as stream:
        table = stream.read_all()
    return table.schema, [list(row.values()) for row in table.to_pylist()]


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _is_stated(expected: Stated, got: Any) -> bool:
    if got is None:
        return expected.may_be_null
    if expected.kind is datetime:
        return _moment(got) is not None
    if expected.kind is float:
        return _is_number(got)
    return isinstance(got, expected.kind)


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _is_moment(expected: datetime, got: Any) -> bool:
    """Labels of a zone carry its offset in JSON; a column of moments is in UTC."""
    found = _moment(got)
    # In UTC: Python never equates an ambiguous time with a time of another zone.
    if found is None or found.astimezone(UTC) != expected.astimezone(UTC):
        return False
    return isinstance(got, datetime) or found.utcoffset() == expected.utcoffset()


def _is_date(expected: date, got: Any) -> bool:
    return bool((got.isoformat() if isinstance(got, date) else got) == expected.isoformat())


_CHECKS: tuple[tuple[Any, Callable[[Any, Any], bool]], ...] = (
    (Stated, _is_stated),
    (Near, lambda expected, got: _is_number(got) and is_percentile(float(got), expected)),
    (bool, lambda expected, got: expected is got),
    (float, lambda expected, got: _is_number(got) and float(got) == expected),
    ((int, Decimal), lambda expected, got: _is_number(got) and Decimal(got) == expected),
    (datetime, _is_moment),
    (date, _is_date),
)
"""The first kind that fits decides: a bool is an int, and a datetime is a date."""


def _from_text(expected: Any, cell: str) -> Any:
    """Convert a CSV cell to the expected type; return the cell itself if that fails."""
    if cell == "" and not isinstance(expected, str):
        return None
    if isinstance(expected, str) and expected.startswith(FORMULA):
        return cell[1:] if cell.startswith("'") else f"(not quoted) {cell}"
    kind = expected.kind if isinstance(expected, Stated) else type(expected)
    try:
        return _READERS[kind](cell) if kind in _READERS else cell
    except (ArithmeticError, KeyError, ValueError):
        return cell


_READERS: dict[type, Callable[[str], Any]] = {
    bool: {"true": True, "false": False}.__getitem__,
    datetime: lambda cell: datetime.fromisoformat(cell) if cell.endswith("Z") else cell,
    int: int,
    **dict.fromkeys((Near, float, Decimal), Decimal),
}


def shown(value: Any) -> Any:
    """A value as a report of differences shows it."""
    if isinstance(value, Near):
        return f"p{round(value.share * 100)} of {len(value.values)} values"
    if isinstance(value, (Decimal, date)):
        return str(value)
    if isinstance(value, Stated):
        return f"({value.kind.__name__})"
    return value if isinstance(value, (int, float, str, list, type(None))) else repr(value)
