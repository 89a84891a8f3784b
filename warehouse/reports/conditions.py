"""Filters of turns as parameters of statements, each a list of values: `model_is_not` and so on."""

from __future__ import annotations

from collections.abc import Iterable

from warehouse.catalogue import TURN_DIMENSIONS
from warehouse.reports.shapes import Condition, Filters

Lists = dict[str, list[str | int]]

_NAMES = {(one.name, operator) for one in TURN_DIMENSIONS for operator in one.operators}
_ONLY_IN_LEDGER = {one.name for one in TURN_DIMENSIONS if not one.is_in_tiers}


def value_lists(conditions: Iterable[Condition]) -> Lists:
    """The conditions by parameter. Several `is` leave their common values, perhaps none.

    Raises:
        ValueError: a dimension has several `contains`, which no single list can say.
    """
    found: dict[str, set[str | int]] = {}
    for operator, dimension, values in conditions:
        if (dimension, operator) not in _NAMES:
            raise ValueError(f"{operator} {dimension}: no such condition")
        name = f"{dimension}_{operator}"
        if name not in found:
            found[name] = set(values)
        elif operator == "contains":
            raise ValueError(f"only one contains for {dimension}")
        elif operator == "is":
            found[name] &= set(values)
        else:
            found[name] |= set(values)
    return {name: sorted(values, key=_ordered) for name, values in found.items()}


def _ordered(value: str | int) -> tuple[str, int]:
    return (value, 0) if isinstance(value, str) else ("", value)


def every_condition(filters: Filters) -> tuple[Condition, ...]:
    """The single values and the conditions of the filters."""
    chosen = {
        "bot": filters.bot_id,
        "chat_type": filters.chat_type,
        "language": filters.language,
        "model": filters.model,
    }
    singles = (
        Condition("is", dimension, (value,))
        for dimension, value in chosen.items()
        if value is not None
    )
    return (*singles, *filters.conditions)


def needs_ledger(conditions: Iterable[Condition], dimensions: Iterable[str] = ()) -> bool:
    """Whether the tiers cannot answer: they lack a dimension, or no value is left of one."""
    given = tuple(conditions)
    asked = {*dimensions, *(one.dimension for one in given)}
    return not _ONLY_IN_LEDGER.isdisjoint(asked) or not all(value_lists(given).values())
