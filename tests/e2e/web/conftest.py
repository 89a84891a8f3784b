"""Fixtures of the browser's tests: one running dashboard with dialogs, one Chromium per module."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Unpack

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from embedded.postgres import EmbeddedPostgres
from tests.clickhouse_process import ClickHouseProcess
from tests.e2e.axe import FINDINGS
from tests.e2e.web.browser import PATIENCE_MILLISECONDS, Look, started, window
from tests.e2e.web.steps import sign_in
from tests.e2e.web.world import DIST, World, dashboard
from tests.programs import program

# The library's own five seconds are few for a browser on a busy machine.
expect.set_options(timeout=PATIENCE_MILLISECONDS)
HOUR_ENDS_SECONDS = 90

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def world(
    postgres_server: EmbeddedPostgres, clickhouse_server: ClickHouseProcess
) -> Iterator[World]:
    """A dashboard on 60 days of dialogs of 50 people. `ann` may read everything."""
    program("chromium")
    if not (DIST / "index.html").is_file():
        pytest.fail("The dashboard is not built: make web", pytrace=False)
    with dashboard(postgres_server, clickhouse_server, {}) as world:
        world.register("ann", scopes=("stats:read", "names:read", "texts:read"))
        world.load(people=50, days=60)
        yield world


@pytest.fixture(scope="session")
def browsers(record_testsuite_property: Callable[[str, object], None]) -> Iterator[set[str]]:
    """Names of the browsers that ran tests; counted in the report, as the findings of axe are."""
    names: set[str] = set()
    yield names
    record_testsuite_property("browsers", len(names))
    record_testsuite_property("axe_findings", len(FINDINGS))


@pytest.fixture(autouse=True)
def _one_hour() -> None:
    """Periods end with an hour: the page and the API are not asked on two sides of it."""
    if (left := 3600 - time.time() % 3600) < HOUR_ENDS_SECONDS:
        time.sleep(left + 0.1)


# Not wider than a module: the driver holds the loop of the thread, which other tests need.
@pytest.fixture(scope="module")
def browser(browsers: set[str]) -> Iterator[Browser]:
    """One Chromium for the windows of all tests of a module."""
    browsers.add("chromium")
    with sync_playwright() as playwright, started(playwright) as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open a window that shares nothing with any other; `width`, `height`, `dark`, `touch`."""
    with ExitStack() as windows:

        def open_page(**look: Unpack[Look]) -> Page:
            return windows.enter_context(window(browser, **look)).new_page()

        yield open_page


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A window of 1280 by 900."""
    return open_page()


@pytest.fixture
def overview(page: Page, world: World) -> Page:
    """The overview of the last 7 days, seen by `ann`."""
    page.goto(world.url)
    sign_in(page)
    return page
