"""Generated files and locks of the dashboard are current and complete."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.web.world import PROJECT

WEB = PROJECT / "dashboards" / "web"
BROWSER = PROJECT / "tests" / "browser"


def test_the_typed_client_is_generated_from_the_api_of_today(tmp_path: Path) -> None:
    generated = tmp_path / "schema.d.ts"
    tool = WEB / "node_modules" / ".bin" / "openapi-typescript"
    assert tool.exists(), "the packages of the dashboard are not installed: make web"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        [tool, WEB / "openapi.json", "--output", generated],
        check=True,
        capture_output=True,
        timeout=200,
        env={**os.environ, "PATH": path},
    )
    current = (WEB / "src" / "api" / "schema.d.ts").read_text(encoding="utf-8")
    assert generated.read_text(encoding="utf-8") == current, "run: npm run api in dashboards/web"


@pytest.mark.parametrize("directory", [WEB, BROWSER], ids=lambda path: path.name)
def test_the_lock_names_versions_and_hashes_but_no_hosts(directory: Path) -> None:
    lock = json.loads((directory / "package-lock.json").read_bytes())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    unhashed = [
        name for name, e in packages.items() if "integrity" not in e and not e.get("inBundle")
    ]
    assert unhashed == []


@pytest.mark.parametrize("directory", [WEB, BROWSER], ids=lambda path: path.name)
def test_installing_runs_no_script_of_a_package(directory: Path) -> None:
    settings = (directory / ".npmrc").read_text(encoding="utf-8")
    assert re.search(r"^ignore-scripts=true$", settings, re.MULTILINE)
    assert re.search(r"^omit-lockfile-registry-resolved=true$", settings, re.MULTILINE)
