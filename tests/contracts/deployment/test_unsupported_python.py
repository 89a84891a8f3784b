"""A Python that is too old or too new ends `make` in one clear line, before anything is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
# Runs what `python -c` is given, but calls itself another version.
STUB = """#!/bin/sh
exec {python} -c "import sys
sys.version_info = {version} + (0, 'final', 0)
sys.version = '.'.join(map(str, {version}))
exec(sys.argv[1])" "$2"
"""


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
@pytest.mark.parametrize("command", ["demo", "test"])
def test_an_unsupported_python_is_named(
    version: tuple[int, int], command: str, tmp_path: Path
) -> None:
    stub = tmp_path / "python3"
    stub.write_text(STUB.format(python=sys.executable, version=version))
    stub.chmod(0o755)
    outcome = subprocess.run(
        ["make", f"PYTHON={stub}", f"VENV={tmp_path / 'venv'}", command],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert outcome.returncode == 2
    line = outcome.stderr.splitlines()[0]
    assert line.startswith("Python 3.11, 3.12 or 3.13 is needed, this is 3.1")
    assert "PYTHON=python3.11" in line
    assert list(tmp_path.iterdir()) == [stub]
