"""A new installation in real Chromium: the page waits for the first figures, then shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from embedded.postgres import EmbeddedPostgres
from tests.clickhouse_process import ClickHouseProcess
from tests.e2e.web.steps import number, sign_in
from tests.e2e.web.world import World, dashboard
from tests.programs import program

pytestmark = pytest.mark.e2e


@pytest.fixture
def new_world(
    postgres_server: EmbeddedPostgres, clickhouse_server: ClickHouseProcess
) -> Iterator[World]:
    """Empty databases, of which nothing was published."""
    program("chromium")
    with dashboard(postgres_server, clickhouse_server, {}) as world:
        world.register("ann")
        yield world


def test_the_page_waits_for_the_first_figures_and_goes_on_by_itself(
    page: Page, new_world: World
) -> None:
    page.goto(new_world.url)
    sign_in(page)
    waiting = page.get_by_text("The first figures are being counted.")
    expect(waiting).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    new_world.cycle()
    expect(waiting).to_be_hidden()
    assert number(page, "Messages") == 0
    expect(page.locator(".freshness")).to_have_attribute("data-mood", re.compile("fresh|late"))
