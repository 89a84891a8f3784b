"""`python -m deploy.clickhouse_users`: the users file of a ClickHouse server, and of a cluster's.

What the two users may do is in `embedded/clickhouse_privileges.py`, which the embedded engine is
set up from, too; here are the limits of a server.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from common.process import run
from deploy.problem import PROJECT
from embedded.clickhouse_privileges import (
    READER_LIMITS,
    READER_SETTINGS,
    reader_grants,
    writer_grants,
)

DATABASE = "dialytics"
FILES = {
    PROJECT / "deploy/clickhouse/users.d/users.xml": False,
    PROJECT / "deploy/clickhouse/cluster/users.xml": True,
}
"""Whether it is a cluster's, by path."""
WRITER = {
    "async_insert": 0,
    "max_memory_usage": 2_147_483_648,
    "max_partitions_per_insert_block": 100,
    "max_threads": 4,
    "log_queries": 1,
}
READER = {
    "readonly": 1,
    "max_memory_usage": 1_073_741_824,
    "max_execution_time": 60,
    "max_rows_to_read": 1_000_000_000,
    "max_result_rows": 1_000_000,
    "result_overflow_mode": "throw",
    "max_threads": 4,
    # Tables of few rows that hold bitmaps are read by more than one thread, too.
    "merge_tree_min_rows_for_concurrent_read": 1024,
    "max_concurrent_queries_for_user": 50,
    "log_queries": 1,
}
# Also for those who send no settings of their own, as migrations and Grafana do.
CLUSTER_WRITER = {
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "select_sequential_consistency": 1,
}
CLUSTER_READER = {"select_sequential_consistency": 1}
HEAD = """\
<!-- Made by `python -m deploy.clickhouse_users` from embedded/clickhouse_privileges.py, where the
     rights of both users are. The reader cannot write, cannot read files or the network, and may
     only lower its limits. The image's own user, `default`, has no password and is removed. -->
"""


def users_file(*, cluster: bool) -> str:
    root = ET.Element("clickhouse")
    profiles = ET.SubElement(root, "profiles")
    for name, settings, of_cluster in (
        ("writer", WRITER, CLUSTER_WRITER),
        ("reader", READER, CLUSTER_READER),
    ):
        profile = ET.SubElement(profiles, name)
        for setting, value in {**settings, **(of_cluster if cluster else {})}.items():
            ET.SubElement(profile, setting).text = str(value)
        if name == "reader":
            _constraints(profile)
    users = ET.SubElement(root, "users")
    ET.SubElement(users, "default", remove="remove")
    grants = {
        "writer": writer_grants(database=DATABASE, system=True, cluster=cluster),
        "reader": reader_grants(database=DATABASE),
    }
    for name, granted in grants.items():
        user = ET.SubElement(users, name)
        ET.SubElement(user, "password_sha256_hex", from_env=f"CLICKHOUSE_{name.upper()}_SHA256")
        ET.SubElement(ET.SubElement(user, "networks"), "ip").text = "::/0"
        ET.SubElement(user, "profile").text = name
        ET.SubElement(user, "quota").text = "default"
        queries = ET.SubElement(user, "grants")
        for grant in granted:
            ET.SubElement(queries, "query").text = grant
    ET.indent(root, "    ")
    return f"{HEAD}{ET.tostring(root, encoding='unicode')}\n"


def _constraints(profile: ET.Element) -> None:
    constraints = ET.SubElement(profile, "constraints")
    for name in sorted({*READER_LIMITS, *READER_SETTINGS}):
        constraint = ET.SubElement(constraints, name)
        if name in READER_LIMITS:
            ET.SubElement(constraint, "min").text = "1"
        if name in READER_LIMITS or name == "max_threads":
            ET.SubElement(constraint, "max").text = str(READER[name])
        ET.SubElement(constraint, "changeable_in_readonly")


def main() -> None:
    for path, cluster in FILES.items():
        Path(path).write_text(users_file(cluster=cluster), encoding="utf-8")


if __name__ == "__main__":
    run(main)
