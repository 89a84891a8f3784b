"""Runs one suite of a ClickHouse client from the sources in its repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

SUITE_SECONDS = 1800


class Run(NamedTuple):
    """One run of a suite."""

    directory: Path
    """Its sources, to do with as it likes."""
    results: Path
    """Where its results are to be written."""
    environment: Mapping[str, str]
    repositories: Path
    port: int
    """The server's."""

    def command(self, *arguments: str | Path, cwd: str = "") -> int:
        """Run a command whose output is for people; a failing test is no error here."""
        return subprocess.run(
            arguments,
            cwd=self.directory / cwd,
            env=dict(self.environment),
            stdout=sys.stderr,
            check=False,
            timeout=SUITE_SECONDS,
        ).returncode


def unpack(folder: Path, name: str, target: Path, *, without: tuple[str, ...] = ()) -> bool:
    """Copy the sources of a repository, bare or checked out, if the folder has it.

    Args:
        name: of the repository, with its owner before a `+` when that is not ClickHouse.
        without: folders that are left out, wherever they are.
    """
    full_name = name if "+" in name else f"ClickHouse+{name}"
    excluded = [f":(exclude,glob)**/{name}/**" for name in without]
    for place in (folder / full_name / "repo", folder / full_name, folder / name):
        git = next((d for d in (place, place / ".git") if (d / "objects").exists()), None)
        if git is not None:
            target.mkdir(parents=True)
            # Its own index: the repository stays as it is.
            subprocess.run(
                [
                    *("git", f"--git-dir={git.resolve()}", f"--work-tree={target}"),
                    *("-c", "core.bare=false", "checkout", "--quiet", "HEAD", "--", ".", *excluded),
                ],
                cwd=target,
                env={**os.environ, "GIT_INDEX_FILE": f"{target}.index"},
                check=True,
            )
            return True
        if place.exists():
            shutil.copytree(place, target, symlinks=True)
            return True
    return False
