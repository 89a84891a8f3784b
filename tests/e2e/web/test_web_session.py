"""Coming in, staying in, going out: in real Chromium against the real API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.running import ADMIN_TOKEN, PASSWORD
from tests.e2e.constants import NEW_PASSWORD
from tests.e2e.web.steps import settled, sign_in
from tests.e2e.web.world import World

pytestmark = pytest.mark.e2e


def test_a_newcomer_registers_and_sees_the_overview(page: Page, world: World) -> None:
    page.goto(world.url)
    page.get_by_role("button", name="No account yet? Register").click()
    page.get_by_label("Username").fill("newcomer")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Registration token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Register", exact=True).click()
    settled(page)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.locator(".account-name:visible")).to_have_text("newcomer")
    found = world.execute("SELECT scopes FROM api_users WHERE username = 'newcomer'")
    assert found[0]["scopes"] == ["stats:read"]


def test_a_wrong_registration_token_is_refused_in_words(page: Page, world: World) -> None:
    page.goto(world.url)
    page.get_by_role("button", name="No account yet? Register").click()
    page.get_by_label("Username").fill("intruder")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Registration token").fill("guessed")
    page.get_by_role("button", name="Register", exact=True).click()
    token = page.get_by_label("Registration token")
    expect(token).to_have_accessible_description(re.compile("The registration token is wrong"))
    expect(token).to_be_focused()
    expect(page.get_by_label("Username")).to_have_value("intruder")


def test_a_wrong_password_is_told_and_does_not_open_anything(page: Page, world: World) -> None:
    page.goto(world.url)
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Invalid username or password.")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_the_session_survives_a_reload_and_no_script_can_read_it(overview: Page) -> None:
    overview.reload()
    settled(overview)
    expect(overview.get_by_role("heading", name="Overview")).to_be_visible()
    kept = overview.evaluate("() => [document.cookie, sessionStorage.length, localStorage.length]")
    assert kept == ["", 0, 0]
    [cookie] = overview.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_all_tabs_are_signed_in_and_out_together(overview: Page, world: World) -> None:
    other = overview.context.new_page()
    other.goto(f"{world.url}/users")
    settled(other)
    expect(other.get_by_role("heading", name="Users", exact=True)).to_be_visible()
    overview.get_by_role("button", name="Sign out").click()
    for tab in (overview, other):
        expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
    assert overview.context.cookies() == []
    other.reload()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(overview)
    settled(other)
    expect(other.get_by_role("heading", name="Users", exact=True)).to_be_visible()


def test_an_expired_session_asks_for_the_password_over_the_page_that_stays(
    page: Page, world: World
) -> None:
    ahead = timedelta()
    with world.another_api(clock=lambda: datetime.now(UTC) + ahead) as url:
        page.goto(f"{url}/?period=month&compare=0")
        sign_in(page)
        ahead = timedelta(hours=13)
        dialog = page.get_by_role("dialog", name="Your session has ended")
        dialog.wait_for()
        expect(dialog.get_by_label("Username")).to_have_value("ann")
        expect(page.locator(".kpi-value").first).to_be_visible()
        dialog.get_by_label("Password").fill(PASSWORD)
        dialog.get_by_role("button", name="Sign in", exact=True).click()
        expect(dialog).to_be_hidden()
        settled(page)
        assert page.url == f"{url}/?period=month&compare=0"


def test_a_link_sets_a_new_password_once(page: Page, world: World) -> None:
    world.register("forgetful")
    world.register("root", scopes=("admin",))
    [forgetful] = world.execute("SELECT id FROM api_users WHERE username = 'forgetful'")
    link = httpx.post(
        f"{world.url}/api/v1/admin/accounts/{forgetful['id']}/reset",
        auth=("root", PASSWORD),
        timeout=90,
    ).json()["link"]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(link)
    password = page.get_by_label(NEW_PASSWORD, exact=True)
    password.fill("another horse battery")
    assert page.url == f"{world.url}/reset"
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, "forgetful", "another horse battery")
    expect(page.locator(".account-name:visible")).to_have_text("forgetful")
    assert not any("dlr_" in url for url in asked)
    page.goto(link)
    expect(page).to_have_url(f"{world.url}/reset")
    page.reload()
    expect(page.get_by_text("An administrator can give you a new one.")).to_be_visible()


def test_without_the_api_the_numbers_stay_and_the_badge_tells(page: Page, world: World) -> None:
    with world.another_api() as url:
        page.goto(url)
        sign_in(page)
        people = page.locator(".kpi-value").first.inner_text()
    expect(page.locator(".freshness")).to_contain_text("not updating")
    expect(page.locator(".freshness")).to_have_class("freshness late")
    expect(page.locator(".kpi-value").first).to_have_text(people)
    page.get_by_role("radio", name="30 days").click()
    expect(page.get_by_text("The API does not answer.").first).to_be_visible()
