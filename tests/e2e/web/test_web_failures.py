"""Scripts that do not load, in real Chromium: the page says so and can be saved."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.web.steps import settled
from tests.e2e.web.world import World

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("status", [404, None])
def test_a_page_whose_script_is_gone_is_reloaded_once_and_then_said(
    overview: Page, status: int | None
) -> None:
    def refuse(route: Route) -> None:
        if status is None:
            route.abort()
        else:
            route.fulfill(status=status, body="{}", content_type="application/json")

    overview.route("**/assets/UsersPage-*.js", refuse)
    loads: list[str] = []
    overview.on("load", lambda page: loads.append(page.url))
    overview.get_by_role("link", name="Users").click()
    expect(overview.get_by_text("This page could not be loaded.")).to_be_visible()
    reload = overview.get_by_role("button", name="Reload the page")
    overview.wait_for_function("() => sessionStorage.getItem('dialytics.reloaded')")
    expect(reload).to_be_visible()
    assert len(loads) == 1
    # The rest of the dashboard works on, and comes back to the same page without another reload.
    overview.get_by_role("link", name="Overview").click()
    settled(overview)
    overview.get_by_role("link", name="Users").click()
    expect(reload).to_be_visible()
    assert len(loads) == 1
    overview.unroute("**/assets/UsersPage-*.js")
    reload.click()
    settled(overview)
    expect(overview.get_by_role("heading", name="Users", exact=True)).to_be_visible()


# A script that the first one asks for is asked for again by one reload.
@pytest.mark.parametrize(("script", "times"), [("index", 1), ("en", 2)])
def test_a_dashboard_that_does_not_start_says_so(
    page: Page, world: World, script: str, times: int
) -> None:
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.abort()

    page.route(f"**/assets/{script}-*.js", refuse)
    page.goto(world.url)
    while len(refused) < times:
        page.wait_for_timeout(50)
    expect(page.get_by_text("Dialytics could not be loaded.")).to_be_visible()
    page.unroute(f"**/assets/{script}-*.js")
    page.get_by_role("link", name="Reload the page").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
