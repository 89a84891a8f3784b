"""Each image carries every module that its program imports: tried on a copy of just its files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import images

PROJECT = Path(__file__).parents[3]
WHAT_IT_RUNS = {
    "bot": "import bot.__main__, common.http.probe",
    "api": "import api.__main__, api.accounts.__main__, common.http.probe",
    "pipelines": "import pipelines.__main__, pipelines.definitions, common.http.probe",
    "migrations": (
        "import sys; sys.argv = ['migrations', '--sql'];"
        "from migrations.__main__ import main; main()"
    ),
}


@pytest.mark.parametrize("image", WHAT_IT_RUNS)
def test_an_image_has_all_that_its_program_imports(image: str, tmp_path: Path) -> None:
    for source in images.sources(image):
        target = tmp_path / source
        if (PROJECT / source).is_dir():
            shutil.copytree(PROJECT / source, target, dirs_exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / source, target)
    outcome = subprocess.run(
        [sys.executable, "-P", "-c", WHAT_IT_RUNS[image]],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(tmp_path),
            # The preview of the migrations asks a database only where one is named.
            "DATABASE_URL": "" if image == "migrations" else "postgresql://u:p@localhost/d",
            "CLICKHOUSE_URL": "" if image == "migrations" else "http://u:p@localhost/d",
            "ENV_FILE": os.devnull,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
