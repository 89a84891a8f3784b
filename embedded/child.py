"""Starts one program of the stack: `python -m embedded.child ENVIRONMENT_FILE COMMAND…`.

The environment comes from a private file, so that no secret is on a command line, and the
kernel is asked to end the program when its supervisor dies, so that nothing is left running.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to send SIGTERM when the parent process ends (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    environment_file, *command = sys.argv[1:]
    die_with_parent()
    environment = json.loads(Path(environment_file).read_text(encoding="utf-8"))
    os.execvpe(command[0], command, environment)  # noqa: S606 # this is what the program is for
