from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deploy.audit import LOCKS, shipped, verdict

PROJECT = Path(__file__).parents[3]

CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}
HURT = {"name": "c", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}


def test_clean_packages_are_fine() -> None:
    assert verdict([CLEAN]) == (
        [],
        {"packages": 1, "vulnerable": 0, "not_audited": 0, "ok": True},
    )


def test_a_vulnerable_package_is_named_with_its_fix() -> None:
    lines, result = verdict([CLEAN, HURT])
    assert lines == ["c 2: CVE-1, fixed in 3"]
    assert not result["ok"]


def test_packages_that_the_index_knows_nothing_about_are_not_fine() -> None:
    lines, result = verdict([CLEAN, SKIPPED])
    assert "no advisories for 1 of 2 packages" in lines[0]
    assert not result["ok"]


def test_an_unreachable_service_is_one_line_and_not_fine() -> None:
    lines, result = verdict("connection refused")
    assert lines == ["the advisory service cannot be asked: connection refused"]
    assert not result["ok"]


def test_without_the_service_the_program_says_so_fails_and_ends_with_json() -> None:
    nowhere = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
    outcome = subprocess.run(
        [sys.executable, "-m", "deploy.audit"],
        cwd=PROJECT,
        # Nothing listens on the discard port.
        env={**os.environ, **dict.fromkeys(nowhere, "http://127.0.0.1:9"), "NO_PROXY": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    *lines, last = outcome.stdout.splitlines()
    assert outcome.returncode == 1
    assert [line.partition(": ")[0] for line in lines] == ["requirements", "dashboards/web"]
    assert all(": the advisory service cannot be asked: " in line for line in lines)
    assert json.loads(last) == {"packages": 0, "vulnerable": 0, "not_audited": 0, "ok": False}


def test_every_locked_package_is_asked_about() -> None:
    assert set(LOCKS) == set((PROJECT / "requirements").glob("*.lock"))
    assert {"dev", "load", "bench"} <= {lock.stem for lock in LOCKS}


def test_what_the_dashboard_ships_is_audited_and_what_builds_it_is_not() -> None:
    lock = {
        "packages": {
            "": {"version": "0"},
            "node_modules/a": {"version": "1"},
            "node_modules/a/node_modules/@x/b": {"version": "2"},
            "node_modules/builder": {"version": "3", "dev": True},
        }
    }
    advisory = {"url": "https://example.org/GHSA-1", "range": "<2.1"}
    report = {
        "vulnerabilities": {
            "@x/b": {"via": [advisory], "nodes": ["node_modules/a/node_modules/@x/b"]},
            "a": {"via": ["@x/b"], "nodes": ["node_modules/a"]},
        }
    }
    lines, result = verdict(shipped(lock, report))
    assert lines == ["@x/b 2: https://example.org/GHSA-1, fixed in a version outside <2.1"]
    assert result == {"packages": 2, "vulnerable": 1, "not_audited": 0, "ok": False}


def test_the_dashboards_lock_has_packages_to_ask_about() -> None:
    lock = json.loads((PROJECT / "dashboards/web/package-lock.json").read_text(encoding="utf-8"))
    assert {"react", "react-dom"} <= {
        item["name"] for item in shipped(lock, {"vulnerabilities": {}})
    }
