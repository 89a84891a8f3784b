"""The dashboard as a tool: found by name, dragged over, saved and shared."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.web.conftest import OpenPage
from tests.e2e.web.steps import settled, sign_in
from tests.e2e.web.test_web_quality import serious_issues_in_both_colours
from tests.e2e.web.world import World

pytestmark = pytest.mark.e2e


def test_a_person_is_found_by_name_with_the_keyboard(overview: Page, world: World) -> None:
    page = overview
    answer = world.get("/stats/users/top", username="ann", period="month")
    key = answer["top_users"][0]["user_key"]
    world.rename(key, "Zebulon")
    page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Find anything")
    found = serious_issues_in_both_colours(page)
    box.fill("zebu")
    expect(page.get_by_role("option", name="Zebulon")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/people/{key}$"))
    expect(page.get_by_role("heading", name="Zebulon")).to_be_visible()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    found += serious_issues_in_both_colours(page)
    assert found == []
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page.get_by_role("heading", name="Models & costs")).to_be_visible()


def middle_of(part: Locator) -> tuple[float, float]:
    box = part.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_key_figure_is_charted_and_a_dragged_range_becomes_the_period(
    overview: Page, world: World
) -> None:
    page = overview
    page.get_by_role("button", name="Show in the chart: Cost").click()
    expect(page).to_have_url(re.compile(r"metric=cost_usd"))
    expect(page.locator(".plot [data-series=cost_usd]").first).to_be_visible()
    chart = page.get_by_role("slider", name=re.compile("Activity"))
    chart.scroll_into_view_if_needed()
    bars = page.locator(".plot [data-series=cost_usd]")
    page.mouse.move(*middle_of(bars.nth(1)))
    page.mouse.down()
    page.mouse.move(middle_of(bars.nth(3))[0], middle_of(chart)[1], steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"period=custom"))
    settled(page)
    expect(bars).to_have_count(3)
    week = world.get("/stats/activity", username="ann", period="week")["activity"]["points"]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as PNG: Activity").click()
    # Days of Moscow begin at 21:00 UTC.
    [_, first, last] = saved.value.suggested_filename.removesuffix(".png").rsplit("_", 2)
    assert first > week[1]["start"][:10]
    assert last > week[3]["start"][:10]
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_view_is_saved_shared_and_opened_by_another_account(
    open_page: OpenPage, world: World
) -> None:
    world.register("vera")
    page = open_page()
    page.goto(f"{world.url}/models?period=month&with=weekdays")
    sign_in(page)
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Save this view as").fill("Cost against weekdays")
    page.get_by_role("switch", name="Share with all accounts").click()
    assert serious_issues_in_both_colours(page) == []
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    other = open_page()
    other.goto(world.url)
    sign_in(other, "vera")
    other.get_by_role("button", name="Views").click()
    other.get_by_role("link", name="Cost against weekdays").click()
    expect(other).to_have_url(f"{world.url}/models?period=month&with=weekdays")
    settled(other)
    expect(other.get_by_text("Same weekdays before")).to_be_visible()
