"""The workflow of GitHub runs what a developer runs, with the same programs beside it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
COMMANDS = [
    step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step
]
# The same browser under the name of the other distribution.
ALSO_KNOWN_AS = {"chromium-browser": "chromium"}


def test_the_workflow_runs_every_check_of_the_checklist() -> None:
    page = (PROJECT / "docs" / "guides" / "production-deployment.md").read_text()
    checklist = re.search(r"CI is green for that version: (.*)", page)
    assert checklist
    promised = set(re.findall(r"`(make [a-z-]+)`", checklist[1]))
    assert len(promised) == 5
    assert promised <= {" ".join(command.split()[:2]) for command in COMMANDS}


def test_the_script_of_this_machine_runs_nothing_else() -> None:
    script = (PROJECT / ".ci" / "run").read_text()
    assert re.findall(r"^make .*$", script, re.MULTILINE) == ["make check", "make test"]
    assert {"make check", "make test"} <= set(COMMANDS)


def test_both_install_the_same_programs() -> None:
    script = (PROJECT / ".ci" / "run").read_text()
    here = set(re.findall(r"missing\+=\(([a-z-]+)\)", script))
    (install,) = [command for command in COMMANDS if "apt-get install" in command]
    there = set(install.partition("--yes")[2].split())
    assert {ALSO_KNOWN_AS.get(name, name) for name in there} == here


def test_an_image_is_built_for_every_target_that_production_pulls() -> None:
    services = yaml.safe_load((PROJECT / "compose.prod.yaml").read_text())["services"]
    pulled = {
        match[1]
        for service in services.values()
        if (match := re.search(r"\}/([a-z]+):", service.get("image", "")))
    }
    assert set(WORKFLOW["jobs"]["images"]["strategy"]["matrix"]["target"]) == pulled
