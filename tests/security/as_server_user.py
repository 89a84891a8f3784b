"""Runs statements on the engine as a ClickHouse server's users file makes one of its users.

`python as_server_user.py <directory> <users.xml> <user>`: statements as a JSON list on stdin, what
became of each as a JSON list on stdout. A process of its own: an engine takes one users file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

from chdb import _chdb


def only(name: str, users: Path) -> ET.Element:
    """The file with this as the engine's one user, who has no password."""
    root = ET.fromstring(users.read_text(encoding="utf-8"))  # noqa: S314 # our own file
    found = root.find("users")
    assert found is not None
    user = found.find(name)
    assert user is not None
    for other in list(found):
        found.remove(other)
    for child in list(user):
        if child.tag.startswith("password"):
            user.remove(child)
    user.tag = "default"
    ET.SubElement(user, "password")
    found.append(user)
    quotas = ET.SubElement(root, "quotas")
    ET.SubElement(quotas, "default")
    profiles = root.find("profiles")
    assert profiles is not None
    ET.SubElement(profiles, "default")
    # An engine without a server has no changeable settings, so none may be changed here.
    for profile in profiles:
        for constraints in profile.findall("constraints"):
            profile.remove(constraints)
    return root


def main(directory: Path, users: Path, name: str) -> None:
    statements = json.load(sys.stdin)
    store = directory / "store"
    target = str(store)
    owner = _chdb.connect(target)
    for prepared in (
        "CREATE DATABASE IF NOT EXISTS dialytics",
        "CREATE TABLE IF NOT EXISTS dialytics.t ENGINE = MergeTree ORDER BY a AS SELECT 7 AS a",
    ):
        owner.query(prepared, "TSV")
    owner.close()
    ET.ElementTree(only(name, users)).write(directory / "users.xml")
    configuration = directory / "engine.xml"
    root = ET.Element("clickhouse")
    ET.SubElement(root, "users_config").text = str(directory / "users.xml")
    ET.ElementTree(root).write(configuration)
    connection = _chdb.connect(f"{target}?config-file={configuration}")
    outcomes = []
    for statement in statements:
        try:
            outcomes.append(bytes(connection.query(statement, "TSV").bytes()).decode())
        except RuntimeError as error:
            outcomes.append(f"refused: {error}")
    connection.close()
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
