"""How the engine is set up: small, durable, and closed to files and the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from embedded.clickhouse_privileges import writer_grants

# One machine shared with four other processes: caches are small, background pools narrow.
# `merge_tree` makes an acknowledged insert survive a power cut, not only a killed process.
_CONFIGURATION = """\
<clickhouse>
    <users_config>{users}</users_config>
    <timezone>UTC</timezone>
    <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>
    <mark_cache_size>67108864</mark_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <primary_index_cache_size>33554432</primary_index_cache_size>
    <query_condition_cache_size>16777216</query_condition_cache_size>
    <compiled_expression_cache_size>8388608</compiled_expression_cache_size>
    <mmap_cache_size>64</mmap_cache_size>
    <max_thread_pool_size>1000</max_thread_pool_size>
    <max_thread_pool_free_size>16</max_thread_pool_free_size>
    <max_table_size_to_drop>0</max_table_size_to_drop>
    <max_partition_size_to_drop>0</max_partition_size_to_drop>
    <storage_configuration>
        <disks><backups><type>local</type><path>{backups}/</path></backups></disks>
    </storage_configuration>
    <backups><allowed_disk>backups</allowed_disk></backups>
    <!-- No host at all. -->
    <remote_url_allow_hosts/>
    <merge_tree>
        <fsync_after_insert>1</fsync_after_insert>
        <fsync_part_directory>1</fsync_part_directory>
        <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
        <max_bytes_to_merge_at_max_space_in_pool>1073741824</max_bytes_to_merge_at_max_space_in_pool>
    </merge_tree>
</clickhouse>
"""

# The engine has one user. `readonly` refuses what the reader may not do beyond this, and
# `statement_policy.py` what the engine asks no grant for. Backups are written to the disk of that
# name, a directory beside the store, and nowhere else.
_USERS = """\
<clickhouse>
    <profiles><default/></profiles>
    <quotas><default/></quotas>
    <users>
        <default>
            <password></password>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants>{grants}</grants>
        </default>
    </users>
</clickhouse>
"""


ENGINE_GRANTS = (
    *writer_grants(database="*", system=False),
    # Clients' external tables are temporary ones, and readers have a workload.
    "GRANT KILL QUERY, CREATE TEMPORARY TABLE ON *.*",
    "GRANT CREATE RESOURCE, CREATE WORKLOAD, DROP RESOURCE, DROP WORKLOAD ON *.*",
)


def write_configuration(directory: Path, *, memory_bytes: int, grants: Sequence[str]) -> Path:
    """Write the engine's configuration into `directory` and return the main file."""
    users = directory / "users.xml"
    queries = "".join(f"<query>{grant}</query>" for grant in grants)
    users.write_text(_USERS.format(grants=queries), encoding="utf-8")
    configuration = directory / "engine.xml"
    configuration.write_text(
        _CONFIGURATION.format(
            memory_bytes=memory_bytes,
            users=escape(str(users)),
            backups=escape(str(directory / "backups")),
        ),
        encoding="utf-8",
    )
    return configuration
