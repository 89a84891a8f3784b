"""Ports for throw-away stacks belong to one of them until its process ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.stack import readiness
from embedded.stack.plan import PROJECT
from embedded.stack.readiness import EPHEMERAL, free_ports, is_free

# Few ports, so that two independent processes must try the same ones.
ASK = """
import json, pathlib, sys
from embedded.stack import readiness
readiness.EPHEMERAL = pathlib.Path(sys.argv[1])
print(json.dumps(readiness.free_ports(200)))
"""


def test_ports_are_given_once_and_never_those_that_the_kernel_gives_to_connections() -> None:
    ports = free_ports(7)
    assert len({*ports, *free_ports(7)}) == 14
    assert all(is_free("127.0.0.1", port) for port in ports)
    assert max(ports) < int(EPHEMERAL.read_text().split()[0])


def test_another_process_is_given_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = tmp_path / "range"
    few.write_text("10400\t60999\n")
    monkeypatch.setattr(readiness, "EPHEMERAL", few)
    mine = set(free_ports(100))
    asked = subprocess.run(
        [sys.executable, "-c", ASK, few], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    theirs = set(json.loads(asked.stdout))
    assert len(theirs) == 200
    assert not mine & theirs
