"""Coming in, staying in, going out: in real Chromium against the real API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.api.running import ADMIN_TOKEN, PASSWORD
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


def test_the_session_survives_a_reload_and_keeps_no_password(overview: Page) -> None:
    overview.reload()
    settled(overview)
    expect(overview.get_by_role("heading", name="Overview")).to_be_visible()
    kept = overview.evaluate("() => JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert PASSWORD not in kept
    assert overview.context.cookies() == []


def test_signing_out_leaves_nothing_behind(overview: Page, world: World) -> None:
    overview.get_by_role("button", name="Sign out").click()
    expect(overview.get_by_role("heading", name="Sign in")).to_be_visible()
    assert overview.evaluate("() => sessionStorage.length") == 0
    overview.goto(f"{world.url}/users")
    expect(overview.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_expired_token_asks_for_the_password_over_the_page_that_stays(
    page: Page, world: World
) -> None:
    ahead = timedelta()
    with world.another_api(clock=lambda: datetime.now(UTC) + ahead) as url:
        page.goto(f"{url}/?period=month&compare=0")
        sign_in(page)
        ahead = timedelta(minutes=16)
        dialog = page.get_by_role("dialog", name="Your session has ended")
        dialog.wait_for()
        expect(dialog.get_by_label("Username")).to_have_value("ann")
        expect(page.locator(".kpi-value").first).to_be_visible()
        dialog.get_by_label("Password").fill(PASSWORD)
        dialog.get_by_role("button", name="Sign in", exact=True).click()
        expect(dialog).to_be_hidden()
        settled(page)
        assert page.url == f"{url}/?period=month&compare=0"


def test_a_session_in_use_is_renewed_without_the_password(page: Page, world: World) -> None:
    ahead = timedelta()
    page.clock.install()
    with world.another_api(clock=lambda: datetime.now(UTC) + ahead) as url:
        page.goto(url)
        sign_in(page)
        settled(page)
        for _ in range(2):
            ahead += timedelta(minutes=13, seconds=30)
            with page.expect_response("**/api/v1/auth/renew") as renewed:
                page.clock.fast_forward("13:30")
            page.wait_for_function(
                "token => sessionStorage.getItem('dialytics.session')?.includes(token)",
                arg=renewed.value.json()["access_token"],
            )
        # Long after the first token: the page still gets numbers without a new login.
        with page.expect_response("**/api/v1/stats?period=day*") as asked:
            page.get_by_role("radio", name="24 hours").click()
        assert asked.value.ok
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_without_the_api_the_numbers_stay_and_the_badge_tells(page: Page, world: World) -> None:
    with world.another_api() as url:
        page.goto(url)
        sign_in(page)
        people = page.locator(".kpi-value").first.inner_text()
    expect(page.locator(".freshness")).to_contain_text("no new answer")
    expect(page.locator(".freshness")).to_have_class("freshness late")
    expect(page.locator(".kpi-value").first).to_have_text(people)
    page.get_by_role("radio", name="30 days").click()
    expect(page.get_by_text("The API does not answer.").first).to_be_visible(timeout=40_000)
