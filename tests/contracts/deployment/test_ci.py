"""The workflow of GitHub runs what a developer runs."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[3]
WORKFLOW = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
COMMANDS = [
    step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step
]


def targets(command: str) -> set[str]:
    """Targets of one `make` command."""
    words = command[command.index("make ") :].split()[1:]
    return {word for word in words if "=" not in word}


def test_the_workflow_runs_every_check_of_the_checklist() -> None:
    page = (PROJECT / "docs" / "guides" / "production-deployment.md").read_text()
    checklist = re.search(r"CI is green for that version: (.*)", page)
    assert checklist
    promised = set(re.findall(r"`make ([a-z-]+)`", checklist[1]))
    assert len(promised) == 5
    assert promised <= set().union(*(targets(run) for run in COMMANDS if "make " in run))


def test_the_script_and_the_workflow_run_the_same_and_skip_nothing() -> None:
    lines = (PROJECT / ".ci" / "run").read_text().splitlines()
    assert lines[2:] == [
        "set -euo pipefail",
        'cd "$(dirname "$0")/.."',
        "REQUIRE_ALL=1 make check test",
    ]
    assert lines[-1] in COMMANDS
    assert not [command for command in COMMANDS if "apt-get" in command]


def test_the_tests_of_every_change_measure_coverage_in_the_same_run() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    recipe = makefile.partition("\ntest: ")[2].partition("\n\n")[0]
    assert "--cov=bot --cov=api" in recipe
    assert "--fail-under $(MIN_COVERAGE)" in recipe
    assert "\nMIN_COVERAGE := 90\n" in makefile
    assert "test-web-units" in recipe
    web = (PROJECT / "dashboards" / "web" / "vite.config.ts").read_text()
    assert "thresholds: { lines: 85, statements: 85 }" in web


def test_what_is_too_long_for_every_change_runs_once_a_week() -> None:
    # YAML reads the key `on` as true.
    assert [one["cron"].split()[-1] for one in WORKFLOW[True]["schedule"]] == ["0"]
    makefile = (PROJECT / "Makefile").read_text()
    recipe = makefile.partition("\ncheck-all: ")[2].partition("\n\n")[0]
    assert "$(PYTEST) -m long" in recipe
    job = WORKFLOW["jobs"]["check-all"]
    assert job["if"] == "github.event_name == 'schedule'"
    assert job["steps"][-1]["run"] == "make check-all"


def test_an_image_is_built_for_every_target_that_production_pulls() -> None:
    services = yaml.safe_load((PROJECT / "compose.prod.yaml").read_text())["services"]
    pulled = {
        match[1]
        for service in services.values()
        if (match := re.search(r"\}/([a-z]+):", service.get("image", "")))
    }
    assert set(WORKFLOW["jobs"]["images"]["strategy"]["matrix"]["target"]) == pulled
