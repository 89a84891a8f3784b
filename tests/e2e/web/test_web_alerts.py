"""Alerts in real Chromium: made, changed, muted, and acknowledged once they fired."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.axe import serious_issues_in_both_colours
from tests.e2e.web.conftest import OpenPage
from tests.e2e.web.steps import settled, sign_in
from tests.e2e.web.test_web_quality import width_of
from tests.e2e.web.world import World

pytestmark = pytest.mark.e2e

FIRED = (
    "INSERT INTO alert_events (alert_id, window_start, window_end, value, high)"
    " SELECT id, date_trunc('hour', now()) - interval '26 hours',"
    " date_trunc('hour', now()) - interval '25 hours', 9.5, threshold FROM alerts"
)


CUT_CHOICES = """() => [...document.querySelectorAll('.alert-fields select')].flatMap((select) => {
    const room = select.getBoundingClientRect().width;
    select.style.width = 'max-content';
    const wish = select.getBoundingClientRect().width;
    select.style.width = '';
    return wish > room + 1 ? [`${select.name}: ${room} of ${wish}`] : [];
})"""
"""The lists that are narrower than their widest choice."""


def test_an_alert_is_made_changed_muted_and_acknowledged(page: Page, world: World) -> None:
    world.register("watcher", scopes=("admin", "stats:read"))
    page.goto(f"{world.url}/alerts")
    sign_in(page, "watcher")
    page.get_by_role("button", name="New alert").click()
    form = page.get_by_role("region", name="New alert")
    expect(form.get_by_label("Metric")).to_be_focused()
    form.get_by_label("Fires when").select_option("above")
    form.get_by_label("US dollars").fill("5")
    expect(form.get_by_role("status")).to_contain_text("Would have fired")
    found = serious_issues_in_both_colours(page)
    form.get_by_role("button", name="Create alert").click()

    table = page.get_by_role("table", name="Alerts")
    expect(table.get_by_role("row").nth(1)).to_contain_text("Cost per day above $5.00")
    table.get_by_role("button", name="Change: Cost per day above $5.00").click()
    form = page.get_by_role("region", name="Change “Cost per day above $5.00”")
    expect(form.get_by_label("US dollars")).to_have_value("5")
    form.get_by_label("US dollars").fill("7,5")
    form.get_by_label("Name").fill("Costly hour")
    found += serious_issues_in_both_colours(page)
    form.get_by_role("button", name="Save alert").click()
    expect(table).to_contain_text("Cost per day above $7.50")

    table.get_by_role("button", name="Mute for a day: Costly hour").click()
    expect(table).to_contain_text("muted until")
    world.execute(FIRED)
    page.reload()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("table", name="History")).to_contain_text("watcher,")
    found += serious_issues_in_both_colours(page)

    page.goto(f"{world.url}/?period=week")
    settled(page)
    expect(page.locator(".plot .flag").first).to_be_visible()
    assert found == []


def test_the_form_fits_a_phone(open_page: OpenPage, world: World) -> None:
    world.register("walker", scopes=("admin", "stats:read"))
    page = open_page(width=320, height=640)
    page.goto(f"{world.url}/alerts")
    sign_in(page, "walker")
    page.get_by_role("button", name="New alert").click()
    page.get_by_role("status").get_by_text("Would have fired").wait_for()
    assert width_of(page) <= 320


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_choice_of_the_form_is_cut(open_page: OpenPage, world: World, language: str) -> None:
    world.register(f"reader-{language}", scopes=("admin", "stats:read"))
    page = open_page()
    page.goto(f"{world.url}/alerts")
    sign_in(page, f"reader-{language}")
    page.evaluate("(language) => localStorage.setItem('dialytics.language', language)", language)
    page.reload()
    settled(page)
    page.locator(".card-actions .button").first.click()
    page.locator(".alert-fields").wait_for()
    assert page.evaluate(CUT_CHOICES) == []
