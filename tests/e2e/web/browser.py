"""Start Chromium and open windows; nothing here depends on a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict, Unpack

from playwright.sync_api import Browser, BrowserContext, Playwright

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


class Look(TypedDict, total=False):
    """How a window is opened; 1280 by 900, light and without touch if nothing is given."""

    width: int
    height: int
    dark: bool
    touch: bool


@contextmanager
def started(playwright: Playwright) -> Iterator[Browser]:
    """Chromium for many windows."""
    browser = playwright.chromium.launch(
        executable_path=program("chromium"), args=ARGUMENTS, timeout=PATIENCE_MILLISECONDS
    )
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def window(browser: Browser, **look: Unpack[Look]) -> Iterator[BrowserContext]:
    """A window that shares nothing with the others of this browser."""
    with _patient(browser.new_context(**_options(look))) as context:
        yield context


@contextmanager
def chromium(
    playwright: Playwright, profile: Path, **look: Unpack[Look]
) -> Iterator[BrowserContext]:
    """A browser of one window, with a profile of its own."""
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=program("chromium"),
        args=ARGUMENTS,
        timeout=PATIENCE_MILLISECONDS,
        **_options(look),
    )
    with _patient(context):
        yield context


@contextmanager
def _patient(context: BrowserContext) -> Iterator[BrowserContext]:
    try:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        context.set_default_navigation_timeout(PATIENCE_MILLISECONDS)
        yield context
    finally:
        context.close()


def _options(look: Look) -> dict[str, Any]:
    return {
        "viewport": {"width": look.get("width", 1280), "height": look.get("height", 900)},
        "color_scheme": "dark" if look.get("dark") else "light",
        # Elements that fade in are judged when they are fully visible.
        "reduced_motion": "reduce",
        "has_touch": look.get("touch", False),
        "locale": "en-GB",
        "timezone_id": "Europe/Berlin",
    }
