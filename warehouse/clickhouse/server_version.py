"""The versions of ClickHouse that the statements and the rights of this project are written for."""

from __future__ import annotations

from warehouse.errors import ServerTooOldError

MIN_SERVER_VERSION = (26, 9)
"""Older ones do not understand the rights of our users."""


def refuse_old_server(version: str | None) -> None:
    """Check what `SELECT version()` says; None where nothing was said.

    Raises:
        ServerTooOldError: the server is older than this project.
    """
    if version and tuple(map(int, version.split(".")[:2])) < MIN_SERVER_VERSION:
        needed = ".".join(map(str, MIN_SERVER_VERSION))
        raise ServerTooOldError(f"ClickHouse {version} is too old: {needed} or later is needed")
