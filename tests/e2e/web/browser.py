"""The system's own Chromium, started for one test. Downloads nothing, knows no page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Playwright

MISSING = (
    "Chromium is not installed, the dashboard cannot be tried: apt-get install chromium"
    " (or set CHROMIUM to its path)"
)
# Bounds the waiting for a page, says nothing about how fast it must be.
PATIENCE_MILLISECONDS = 90_000
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Where Chromium is, or None."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium(
    playwright: Playwright,
    profile: Path,
    *,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    touch: bool = False,
) -> Iterator[BrowserContext]:
    """A window with a profile of its own.

    Raises:
        RuntimeError: there is no Chromium; the message says what to install.
    """
    path = find_chromium()
    if path is None:
        raise RuntimeError(MISSING)
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=path,
        args=ARGUMENTS,
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        # What fades in is judged when it stands, not half seen.
        reduced_motion="reduce",
        has_touch=touch,
        locale="en-GB",
        timezone_id="Europe/Berlin",
    )
    try:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        context.set_default_navigation_timeout(PATIENCE_MILLISECONDS)
        yield context
    finally:
        context.close()
