"""`make smoke`: messages through the simulated Telegram become numbers in the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.observability.whole_stack import counts, expected_counts, write_lines
from tests.running import left_running, mentioning

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Short: PostgreSQL's socket must fit into 107 characters."""
    with tempfile.TemporaryDirectory(prefix="smoke-") as directory:
        yield Path(directory)


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.timeout(900)
def test_smoke_agrees_and_leaves_nothing_behind(tmp_path: Path, temporary: Path) -> None:
    data_file = write_lines(tmp_path / "dialogs.jsonl.gz")
    outcome = subprocess.run(
        [sys.executable, "-m", "embedded.stack", "smoke", "--data", data_file, "--limit", "1000"],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(temporary), "ENV_FILE": os.devnull},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    assert outcome.stdout, outcome.stderr
    result = json.loads(outcome.stdout.splitlines()[-1])
    assert counts(result) == expected_counts(result["updates_sent"])
    assert outcome.returncode == (0 if result["ok"] else 1)
    assert list(temporary.iterdir()) == []
    assert left_running(mentioning(str(temporary))) == []
