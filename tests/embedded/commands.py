"""Commands of the product in processes of their own that need not import it again."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess

from common.process import run

PATIENCE_SECONDS = 200.0
_FORKING = get_context("forkserver")
# Every forked process starts with these modules imported.
_FORKING.set_forkserver_preload(["embedded.stack.__main__", "embedded.clickhouse.__main__"])


def run_command(
    module: str, *arguments: str, environment: Mapping[str, str]
) -> CompletedProcess[str]:
    """`python -m module` to its end: exit code, standard output and error."""
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place) / "out", Path(place) / "err"
        process = _FORKING.Process(target=_become, args=(module, arguments, environment, out, err))
        process.start()
        process.join(PATIENCE_SECONDS)
        if process.is_alive():
            process.kill()
            raise AssertionError(f"{module} did not end: {err.read_text()}")
        assert process.exitcode is not None
        return CompletedProcess(
            [module, *arguments], process.exitcode, out.read_text(), err.read_text()
        )


def _become(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path
) -> None:
    for stream, path in ((sys.stdout, out), (sys.stderr, err)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = [module, *arguments]
    run(import_module(f"{module}.__main__").main)
