"""One version: what is published, what is tagged, and what a running service says agree."""

from __future__ import annotations

import json
import re
import tomllib

from common.version import VERSION
from tests.conftest import PROJECT


def test_every_place_that_states_the_version_states_the_same() -> None:
    web = PROJECT / "dashboards" / "web"
    lock = json.loads((web / "package-lock.json").read_bytes())
    stated = {
        "pyproject.toml": tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"][
            "version"
        ],
        "package.json": json.loads((web / "package.json").read_bytes())["version"],
        "package-lock.json": lock["version"],
        "its own package": lock["packages"][""]["version"],
    }
    assert set(stated.values()) == {VERSION}, stated
    labels = re.findall(
        r'image\.version="(.+)"', (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    )
    assert labels == [VERSION] * 2  # ours, and Grafana's
    changes = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", changes, re.MULTILINE)
    assert released[0] == VERSION


def test_every_released_version_has_a_dump_of_its_schema() -> None:
    changes = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+) ", changes, re.MULTILINE)
    dumps = PROJECT / "tests" / "migrations" / "released"
    assert sorted(path.name for path in dumps.iterdir()) == sorted(released)
    for dump in dumps.iterdir():
        assert sum(path.stat().st_size for path in dump.iterdir()) < 200_000, dump
