"""Renders one set of ClickHouse statements for one machine or for a cluster.

With a cluster every table's storage is replicated; a table with a shard key becomes
`<name>_local` on each shard with a Distributed `<name>` in front.
"""

from __future__ import annotations

from alembic import op

from common.settings import load
from warehouse.settings import ClusterSettings, local_name

# Acknowledged data must survive a power cut before a watermark or a publication rests on it.
DURABLE = (
    "fsync_after_insert = 1, fsync_part_directory = 1,"
    " min_compressed_bytes_to_fsync_after_merge = 1"
)
# Off: a retried insert is made harmless by versions, a dropped one would be lost in silence.
NO_BLOCK_DEDUPLICATION = "replicated_deduplication_window = 0"


class Ddl:
    """Statements for one topology. `cluster` is empty on a single machine."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster

    @property
    def on_cluster(self) -> str:
        return f" ON CLUSTER `{self._cluster}`" if self._cluster else ""

    @property
    def _cluster_settings(self) -> str:
        return NO_BLOCK_DEDUPLICATION if self._cluster else ""

    def create_table(
        self,
        name: str,
        *,
        columns: str,
        order_by: str,
        engine: str = "MergeTree",
        arguments: str = "",
        partition_by: str = "",
        ttl: str = "",
        shard_by: str = "",
        settings: str = "",
    ) -> list[str]:
        """CREATE TABLE, and its Distributed front when it is sharded.

        Without `shard_by` every node of a cluster holds the whole table.
        """
        stored = local_name(name, cluster=self._cluster, sharded=bool(shard_by))
        parts = [
            f"CREATE TABLE IF NOT EXISTS {stored}{self.on_cluster}\n({columns.rstrip()}\n)",
            f"ENGINE = {self._engine(engine, arguments, sharded=bool(shard_by))}",
            f"PARTITION BY {partition_by}" if partition_by else "",
            f"ORDER BY {order_by}",
            f"TTL {ttl}" if ttl else "",
            f"SETTINGS {', '.join(filter(None, (DURABLE, self._cluster_settings, settings)))}",
        ]
        statements = ["\n".join(part for part in parts if part)]
        if stored != name:
            statements.append(
                f"CREATE TABLE IF NOT EXISTS {name}{self.on_cluster} AS {stored}\n"
                f"ENGINE = Distributed(`{self._cluster}`, currentDatabase(), {stored}, {shard_by})"
            )
        return statements

    def alter_table(self, name: str, *changes: str, sharded: bool = False) -> list[str]:
        """One statement for each table behind the name, and for the front of a sharded one."""
        stored = local_name(name, cluster=self._cluster, sharded=sharded)
        return [
            f"ALTER TABLE {table}{self.on_cluster}\n    " + ",\n    ".join(changes)
            for table in dict.fromkeys((stored, name))
        ]

    def create_view(self, name: str, *, query: str) -> list[str]:
        return [f"CREATE OR REPLACE VIEW {name}{self.on_cluster} AS\n{query.strip()}"]

    def system_table(self, name: str) -> str:
        """The FROM of a system table of all nodes."""
        if not self._cluster:
            return f"system.{name}"
        return f"clusterAllReplicas('{self._cluster}', system.{name})"

    def drop_table(self, name: str, *, sharded: bool = False) -> list[str]:
        stored = local_name(name, cluster=self._cluster, sharded=sharded)
        return [
            f"DROP TABLE IF EXISTS {table}{self.on_cluster} SYNC"
            for table in dict.fromkeys((name, stored))
        ]

    def drop_view(self, name: str) -> list[str]:
        return [f"DROP VIEW IF EXISTS {name}{self.on_cluster} SYNC"]

    def _engine(self, engine: str, arguments: str, *, sharded: bool) -> str:
        if not self._cluster:
            return f"{engine}({arguments})"
        shard = "{shard}" if sharded else "all"
        path = f"'/clickhouse/tables/{shard}/{{database}}/{{table}}'"
        # A replica of an unsharded table is named by shard too, or two shards would collide.
        replica = "'{replica}'" if sharded else "'{shard}-{replica}'"
        return f"Replicated{engine}({', '.join(filter(None, (path, replica, arguments)))})"


def current() -> Ddl:
    """The topology that CLICKHOUSE_CLUSTER names."""
    given = op.get_context().opts.get("cluster")
    return Ddl(load(ClusterSettings).clickhouse_cluster if given is None else str(given))


def run(statements: list[str]) -> None:
    """Execute statements verbatim: a colon in SQL is no bind parameter."""
    for statement in statements:
        op.execute(statement.replace(":", r"\:"))
