"""The main job, whole: messages through the simulated Telegram become numbers in the API."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

PROJECT = Path(__file__).parents[2]
LINES = 60
PEOPLE = 7


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    path = tmp_path / "dialogs.jsonl.gz"
    lines = [
        json.dumps(
            {
                "ts": f"2004-12-25T09:{number % 60:02}:00Z",
                "user": f"person{number % PEOPLE}",
                "text": f"What about question {number}? Ещё раз, 日本 🌊",
            }
        )
        for number in range(LINES)
    ]
    lines.insert(3, "this is no JSON")
    lines.insert(9, '{"ts": "2004-12-25T09:14:00Z", "user": "x"}')
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines))
    return path


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Short: PostgreSQL's socket must fit into 107 characters."""
    with tempfile.TemporaryDirectory(prefix="smoke-") as directory:
        yield Path(directory)


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_smoke_agrees_and_leaves_nothing_behind(data_file: Path, temporary: Path) -> None:
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
    counts = {name: result[name] for name in result if name not in TIMES}
    assert counts == {
        "lines_read": LINES + 2,
        "lines_skipped": 2,
        "updates_sent": result["updates_sent"],
        "turns_recorded": LINES,
        "warehouse_turns": LINES,
        "api_user_messages": LINES,
        "api_assistant_messages": LINES,
        "api_active_users": PEOPLE,
        "expected_user_messages": LINES,
        "expected_active_users": PEOPLE,
    }
    assert outcome.returncode == (0 if result["ok"] else 1)
    assert list(temporary.iterdir()) == []
    # Who was killed a moment ago may not have been taken off the list yet.
    deadline = time.monotonic() + 30
    while left := processes_of(temporary):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def processes_of(directory: Path) -> list[str]:
    """The command lines of running programs that name it."""
    return [
        line
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and str(directory) in (line := " ".join(process.info["cmdline"] or []))
    ]


# Speed and memory belong to the machine that runs the test; `make smoke` judges them.
TIMES = {"freshness_p50_seconds", "freshness_p95_seconds", "rss_mib", "seconds", "ok"}
