"""Which files hold certain bytes, while the servers that own them add and remove some."""

from __future__ import annotations

import os
from pathlib import Path


def files_with(directory: Path, *patterns: bytes) -> dict[bytes, list[str]]:
    """Names of the files below `directory` that hold each of these bytes."""
    found: dict[bytes, list[str]] = {pattern: [] for pattern in patterns}
    # Unlike Path.rglob it passes over a directory that is gone when its turn comes.
    for parent, _, names in os.walk(directory):
        for name in names:
            path = Path(parent, name)
            try:
                content = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:
                continue  # merged away meanwhile
            for pattern in patterns:
                if pattern in content:
                    found[pattern].append(name)
    return found
