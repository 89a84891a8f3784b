"""Chromium, started for one test. Knows no page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Playwright

from tests.programs import program

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
    """A window with a profile of its own."""
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=program("chromium"),
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
