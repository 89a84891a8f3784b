"""Corrects single rows of the copy: copies them again, removes them, or erases them on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.source.columns import PEOPLE, ReplicatedTable
from pipelines.source.postgres import Source
from warehouse.clickhouse.client import Writer
from warehouse.clickhouse.statements import on_every_node, statement
from warehouse.settings import local_name


class Corrections:
    """Rewrites rows under the lock that its caller holds."""

    def __init__(self, source: Source, writer: Writer) -> None:
        self._source = source
        self._writer = writer

    def recopy(
        self, table: ReplicatedTable, keys: Sequence[str], *, epoch: int, below: int
    ) -> None:
        """Store these rows as PostgreSQL has them, over what is stored at the same version."""
        page = self._source.rows_of(table, keys, below=below, epoch=epoch)
        if page.num_rows:
            self._writer.insert_arrow(table.target, page)

    def forget(self, people: Mapping[str, int], *, epoch: int) -> None:
        """Rewrite the parts that still hold what was known of erased people (key -> version)."""
        self._on_every_node(
            "replication/forget_people",
            PEOPLE,
            {"epoch": epoch, "keys": list(people), "versions": list(people.values())},
        )

    def remove(self, table: ReplicatedTable, keys: Sequence[str], *, epoch: int) -> None:
        """Remove rows that PostgreSQL does not have so."""
        parameters = {"epoch": epoch, "keys": list(keys)}
        self._on_every_node(f"replication/remove_{table.target}", table, parameters)

    def _on_every_node(
        self, name: str, table: ReplicatedTable, parameters: Mapping[str, Any]
    ) -> None:
        """Run a statement about a table's rows wherever they are stored."""
        cluster = self._writer.cluster
        stored = local_name(table.target, cluster=cluster, sharded=table.is_sharded)
        self._writer.run(
            name,
            {"table": stored, **parameters},
            sql=on_every_node(statement(name), cluster=cluster),
        )
