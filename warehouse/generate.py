"""`python -m warehouse.generate`: write what repeats `metrics.toml` into SQL, Python and documents.

A file holds its parts between two marks. A test holds them current.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from warehouse.catalogue import (
    DIMENSIONS,
    EVENT_DIMENSIONS,
    METRICS,
    SUM_COLUMNS,
    TURN_DIMENSIONS,
    Dimension,
    Metric,
    entries,
)

PROJECT = Path(__file__).parents[1]
WIDTH = 100
DIALOG_SUMS = (
    *("turns", "user_messages", "answers", "prompt_tokens", "completion_tokens"),
    *("unpriced", "priced"),
)
"""The list that `dialog_days` stores, in the order in which its columns are aliases of it."""
MARKED = re.compile(
    r"(?P<begin>^(?P<indent> *)(?:--|#) metrics\.toml: (?P<part>[\w ]+)\n)"
    r".*?(?P<end>^ *(?:--|#) metrics\.toml ends\n)",
    re.MULTILINE | re.DOTALL,
)
TABLE = re.compile(
    r"(?<=\n\| metric \| definition \| unit \| additive over \| from \|\n).*?\n(?=\n)", re.DOTALL
)


def _each(line: str) -> Callable[[], str]:
    """A line for each column."""

    def lines() -> str:
        return "\n".join(
            line.format(name=column.name, expression=column.expression, type=column.type)
            for column in SUM_COLUMNS
        )

    return lines


def _dialog_sums() -> str:
    expressions = {column.name: column.expression for column in SUM_COLUMNS}
    values = ",\n".join(f"    {expressions[name]}" for name in DIALOG_SUMS)
    return f"[\n{values}\n] AS sums,"


def _names() -> str:
    return textwrap.fill(", ".join(column.name for column in SUM_COLUMNS) + ",", WIDTH - 12)


_CONDITIONS = {
    "is": "{expression} IN {{{parameter}}}",
    "is_not": "{expression} NOT IN {{{parameter}}}",
    "contains": "arrayExists(part -> position({expression}, part) > 0, {{{parameter}}})",
    "contains_not": "NOT arrayExists(part -> position({expression}, part) > 0, {{{parameter}}})",
}


_NOTHING = {"String": "''", "UUID": "toUUID('00000000-0000-0000-0000-000000000000')"}


def _condition(dimension: Dimension, operator: str) -> str:
    name = f"{dimension.name}_{operator}"
    condition = _CONDITIONS[operator].format(
        parameter=f"{name}:Array({dimension.type})", expression=dimension.expression
    )
    return f"AND {condition} -- for {name}"


def _conditions() -> str:
    """A line for each filter; statements leave out those that are not set."""
    return "\n".join(
        _condition(dimension, operator)
        for dimension in TURN_DIMENSIONS
        for operator in dimension.operators
    )


def _event_conditions() -> str:
    """The same over `user_events AS e`: an event has nothing of what only a turn has."""
    return "\n".join(
        _condition(replace(dimension, expression=expression), operator)
        for dimension in TURN_DIMENSIONS
        for expression in [EVENT_DIMENSIONS.get(dimension.name) or _NOTHING[dimension.type]]
        for operator in dimension.operators
    )


def _fields(answer: str) -> Callable[[], str]:
    """The fields of a dataclass."""

    def lines() -> str:
        return "\n".join(
            f"{metric.name}: {_type(metric)}"
            for metric in METRICS
            if answer in entries()[metric.name].get("answers", ())
        )

    return lines


def _type(metric: Metric) -> str:
    if metric.unit.startswith("US dollars"):
        return "Decimal | None"
    return "int" if metric.additive_over or metric.unit == "people" else "float | None"


PARTS: dict[str, Callable[[], str]] = {
    "sums over the ledger": _each("{expression} AS {name},"),
    "sums": _each("sum({name}) AS {name},"),
    "names": _names,
    "sums of dialogs": _dialog_sums,
    "conditions on turns": _conditions,
    "conditions on events": _event_conditions,
    "zeros": _each("CAST(0, '{type}') AS {name},"),
    "fields of totals": _fields("totals"),
    "fields of series": _fields("series"),
}


def _table_rows() -> str:
    rows = [
        f"| `{metric.name}` | {metric.definition} | {metric.unit} |"
        f" {_over(metric)} | {metric.source} |\n"
        for metric in METRICS
    ]
    return "|---|---|---|---|---|\n" + "".join(rows)


def _over(metric: Metric) -> str:
    if metric.additive_over == DIMENSIONS:
        return "every dimension"
    return ", ".join(metric.additive_over) or "none"


def renewed(text: str) -> str:
    """The text of a file with its parts as `metrics.toml` has them now."""

    def part(found: re.Match[str]) -> str:
        body = textwrap.indent(PARTS[found["part"]](), found["indent"])
        return f"{found['begin']}{body}\n{found['end']}"

    return TABLE.sub(lambda _: _table_rows(), MARKED.sub(part, text))


def files() -> Iterator[Path]:
    """Every file with a part to be written."""
    yield PROJECT / "docs" / "data.md"
    yield from (
        PROJECT / "warehouse" / "reports" / f"{name}.py" for name in ("summary", "activity")
    )
    yield from (path for path in sorted((PROJECT / "warehouse" / "sql").rglob("*.sql")))


def definitions() -> Iterator[tuple[Path, str]]:
    """The dashboard's explanations of metrics: a file for each language, and its text."""
    for language, suffix in (("en", ""), ("ru", "_ru")):
        texts = {
            metric.name: {
                key: entries()[metric.name][f"{key}{suffix}"].replace("`", "")
                for key in ("title", "definition")
            }
            for metric in METRICS
        }
        path = PROJECT / "dashboards" / "web" / "src" / "i18n" / f"metrics.{language}.json"
        yield path, json.dumps(texts, ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    for path in files():
        text = path.read_text(encoding="utf-8")
        if (now := renewed(text)) != text:
            path.write_text(now, encoding="utf-8")
    for path, text in definitions():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
