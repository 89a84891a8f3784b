"""Filters as they were asked, strictly validated: `["is", "chat_type", ["private"]]`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from warehouse.catalogue import OPERATORS, TURN_DIMENSIONS, Dimension
from warehouse.query.errors import InvalidQueryError
from warehouse.reports.conditions import value_lists
from warehouse.reports.shapes import Condition

MAX_FILTERS = 20
MAX_VALUES = 100
MAX_VALUE_LENGTH = 200

_BY_NAME = {dimension.name: dimension for dimension in TURN_DIMENSIONS}
_RANGES = {"Int64": range(-(2**63), 2**63), "UInt32": range(2**32)}


def parse_filters(given: Any) -> tuple[Condition, ...]:
    """Validate decoded JSON: a list of [operator, dimension, [value, …]].

    Raises:
        InvalidQueryError: naming the place that is wrong.
    """
    found = tuple(
        _condition(item, f"filters[{place}]")
        for place, item in enumerate(as_list(given, "filters", most=MAX_FILTERS))
    )
    try:
        value_lists(found)
    except ValueError as error:
        raise InvalidQueryError("filters", str(error)) from error
    return found


def _condition(item: Any, path: str) -> Condition:
    match item:
        case [str() as operator, str() as name, [*values]]:
            pass
        case _:
            raise InvalidQueryError(path, "expected [operator, dimension, [value, …]]")
    if operator not in OPERATORS:
        raise InvalidQueryError(f"{path}[0]", f"expected one of {', '.join(OPERATORS)}")
    if name not in _BY_NAME:
        raise InvalidQueryError(f"{path}[1]", f"expected one of {', '.join(_BY_NAME)}")
    dimension = _BY_NAME[name]
    if operator not in dimension.operators:
        raise InvalidQueryError(f"{path}[0]", f"a {name} is no text: use is or is_not")
    if not 1 <= len(values) <= MAX_VALUES:
        raise InvalidQueryError(f"{path}[2]", f"expected 1 to {MAX_VALUES} values")
    parsed = (_value(value, dimension, f"{path}[2][{place}]") for place, value in enumerate(values))
    return Condition(operator, name, tuple(parsed))


def _value(value: Any, dimension: Dimension, path: str) -> str | int:
    if dimension.type in _RANGES:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidQueryError(path, "expected a number")
        if value not in _RANGES[dimension.type]:
            raise InvalidQueryError(path, "is out of range")
        return value
    if dimension.type == "UUID":
        try:
            return str(UUID(str(value)))
        except ValueError as error:
            raise InvalidQueryError(path, "expected a UUID") from error
    if not isinstance(value, str) or len(value) > MAX_VALUE_LENGTH or not value.isprintable():
        raise InvalidQueryError(
            path, f"expected printable text of at most {MAX_VALUE_LENGTH} characters"
        )
    return value


def as_list(given: Any, path: str, *, most: int) -> list[Any]:
    """A decoded list of at most so many.

    Raises:
        InvalidQueryError: it is something else.
    """
    if not isinstance(given, list):
        raise InvalidQueryError(path, "expected a list")
    if len(given) > most:
        raise InvalidQueryError(path, f"at most {most}")
    return given
