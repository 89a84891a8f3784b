"""Committed migrations never change: an installation that ran one has what it made."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

from tests.conftest import PROJECT

FROZEN = Path(__file__).parent / "frozen.json"


def digests() -> dict[str, str]:
    files = sorted((PROJECT / "migrations").glob("*/versions/*.py"))
    return {
        path.relative_to(PROJECT / "migrations").as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_no_committed_migration_was_changed_and_every_new_one_is_listed() -> None:
    """A new one is listed by UPDATE_SNAPSHOTS=1. A changed one is a new migration instead."""
    frozen = json.loads(FROZEN.read_text(encoding="utf-8"))
    found = digests()
    changed = [name for name, digest in frozen.items() if found.get(name) != digest]
    assert not changed
    if os.environ.get("UPDATE_SNAPSHOTS"):
        FROZEN.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(FROZEN.read_text(encoding="utf-8"))
