"""The pictures of the architecture show the tables that exist, with the columns they have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.dialects import postgresql

from common.postgres import Base
from migrations.postgres.declared import METADATA, TABLE_MODULES

PROJECT = Path(__file__).parents[2]
TABLES = METADATA.tables
DIAGRAMS = (PROJECT / "docs" / "architecture" / "diagrams.md").read_text(encoding="utf-8")
ENTITY = re.compile(r"^    (\w+) \{\n(.*?)^    \}", re.MULTILINE | re.DOTALL)
COLUMN = re.compile(r'^        (?P<type>\w+) (?P<name>\w+)(?: (?P<key>[A-Z]{2}))?(?: "[^"]*")?$')
RELATION = re.compile(r"^    (\w+) [|}o][|}o{]--[|}o{][|}o{] (\w+) : \S", re.MULTILINE)
KINDS = {
    "int": "INTEGER", "bigint": "BIGINT", "smallint": "SMALLINT", "bytea": "BYTEA",
    "text": "TEXT", "uuid": "UUID", "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "numeric": "NUMERIC", "xid8": "XID8", "jsonb": "JSONB", "date": "DATE",
}  # fmt: skip


def blocks(kind: str) -> list[str]:
    return [
        block
        for block in re.findall(r"```mermaid\n(.*?)```", DIAGRAMS, re.DOTALL)
        if block.startswith(kind)
    ]


ENTITIES = {name: body.splitlines() for name, body in ENTITY.findall(blocks("erDiagram")[0])}


def test_the_four_pictures_are_there() -> None:
    assert len(blocks("sequenceDiagram")) == 1
    assert len(blocks("erDiagram")) == 1
    assert len(blocks("graph")) == 2
    for block in re.findall(r"```mermaid\n(.*?)```", DIAGRAMS, re.DOTALL):
        opened = len(re.findall(r"^\s*(?:alt|loop|opt|subgraph)\b", block, re.MULTILINE))
        assert opened == len(re.findall(r"^\s*end$", block, re.MULTILINE))


def test_every_service_of_compose_is_shown() -> None:
    (graph,) = (block for block in blocks("graph") if "Telegram user" in block)
    services = yaml.safe_load((PROJECT / "compose.prod.yaml").read_text())["services"]
    jobs = {"roles", "migrate", "grants"}
    shown_as = {"postgres": "pg", "clickhouse": "ch"}
    # A choice, only for several processes of the API.
    running = set(services) - jobs - {"redis"}
    names = {
        shown_as.get(name, "pipelines" if name.startswith("dagster") else name) for name in running
    }
    assert names <= set(re.findall(r"\b(\w+)(?=[\[(]| -->| <-->)", graph))


def test_every_table_is_shown_and_no_other() -> None:
    assert set(ENTITIES) == set(TABLES)
    related = {name for pair in RELATION.findall(blocks("erDiagram")[0]) for name in pair}
    assert related <= set(ENTITIES)


@pytest.mark.parametrize("name", sorted(ENTITIES))
def test_a_shown_column_exists_and_is_what_it_is_shown_as(name: str) -> None:
    table: Table = TABLES[name]
    for line in ENTITIES[name]:
        shown = COLUMN.match(line)
        assert shown, line
        column = table.columns[shown["name"]]
        assert column.type.compile(postgresql.dialect()).upper().startswith(KINDS[shown["type"]])  # type: ignore[no-untyped-call] # the dialect's own class
        match shown["key"]:
            case "PK":
                assert column.primary_key, line
            case "FK":
                assert column.foreign_keys, line
            case "UK":
                assert column.unique or any(
                    isinstance(one, UniqueConstraint) and set(one.columns) == {column}
                    for one in table.constraints
                ), line


def test_the_page_of_the_parts_says_who_owns_each_table() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    owned = re.findall(r"^\| `(\w+)/` \|[^|]*\|([^|]*)\|$", page, re.MULTILINE)
    said = {table: part for part, tables in owned for table in re.findall(r"`(\w+)`", tables)}
    owners = {module.__name__.partition(".")[0] for module in TABLE_MODULES}
    declared = {
        mapper.local_table.name: mapper.class_.__module__.partition(".")[0]  # type: ignore[attr-defined] # a table, not a join
        for mapper in Base.registry.mappers
    }
    assert owners == set(declared.values())
    assert said == declared
