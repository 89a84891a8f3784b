"""Filters, charts, search and saved views in real Chromium, down to single turns."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.web.conftest import OpenPage
from tests.e2e.web.steps import number, settled, sign_in
from tests.e2e.web.test_web_quality import serious_issues_in_both_colours
from tests.e2e.web.world import World

pytestmark = pytest.mark.e2e

PAGE_ROWS = 50
"""Turns that a list shows at first, and more at each press."""


def test_a_filter_set_by_hand_narrows_every_page_and_stays_in_the_address(
    overview: Page, world: World
) -> None:
    page = overview
    everybody = number(page, "Active users")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Filter by").select_option("chat_type")
    page.get_by_label("Value").select_option("group")
    page.get_by_role("button", name="Add").click()
    expect(page).to_have_url(re.compile(r"f=is(%2C|,)chat_type(%2C|,)group"))
    settled(page)
    asked = json.dumps([["is", "chat_type", ["group"]]])
    totals = world.get("/stats/summary", username="ann", period="week", filters=asked)
    in_groups = totals["summary"]["current"]["active_users"]
    assert number(page, "Active users") == in_groups < everybody
    page.get_by_role("button", name=re.compile("^Switch between")).click()
    expect(page).to_have_url(re.compile(r"f=is_not(%2C|,)chat_type"))
    page.get_by_role("link", name="Dialogs").click()
    settled(page)
    expect(page.get_by_text("Chat type")).to_be_visible()
    page.reload()
    settled(page)
    table = page.get_by_role("table", name="All dialogs")
    expect(table.get_by_text("Private chat").first).to_be_visible()
    expect(table.get_by_text("Group", exact=True)).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Remove the filter")).click()
    expect(page).not_to_have_url(re.compile("f=is"))


def test_a_count_of_failures_opens_exactly_those_turns(page: Page, world: World) -> None:
    page.goto(f"{world.url}/?period=month")
    sign_in(page)
    failed = world.get("/stats/summary", username="ann", period="month")
    count = failed["summary"]["current"]["failed"]
    assert count
    page.get_by_role("link", name=re.compile(rf"^{count:,} of ")).click()
    settled(page)
    noun = "turn" if count == 1 else "turns"
    expect(page.get_by_text(f"{count:,} {noun} in this view")).to_be_visible()
    rows = page.get_by_role("table", name="Turns, newest first").get_by_role("rowheader")
    for shown in range(PAGE_ROWS, count, PAGE_ROWS):
        expect(rows).to_have_count(shown)
        page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(count)


def test_a_person_and_a_dialog_are_one_click_away(page: Page, world: World) -> None:
    page.goto(f"{world.url}/users?period=month")
    sign_in(page)
    top = world.get("/stats/users/top", username="ann", period="month")["top_users"][0]
    page.get_by_role("table", name="Top users").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(rf"/people/{top['user_key']}\b"))
    settled(page)
    person = world.get("/stats/users/one", username="ann", person=str(top["user_key"]))["person"]
    facts = page.get_by_role("region", name="Since the first turn")
    expect(facts.get_by_role("link", name=f"{person['turns']:,}", exact=True)).to_be_visible()
    turns = page.get_by_role("table", name="Turns, newest first")
    turns.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name=re.compile("^Dialog of "))).to_be_visible()
    settled(page)
    expect(page.locator("tr[aria-current]")).to_be_in_viewport()
    page.get_by_role("button", name="Read", exact=True).click()
    reader = page.get_by_role("dialog")
    expect(reader).to_contain_text("This is a private conversation")
    reader.get_by_role("button", name="Open and record").click()
    expect(reader.locator(".said.marked").first).to_be_in_viewport()


def test_a_cell_of_the_heatmap_becomes_the_period_with_its_times(overview: Page) -> None:
    page = overview
    messages = number(page, "Messages")
    cell = page.get_by_role("table", name="When people write").get_by_role("button").last
    label = cell.get_attribute("aria-label") or ""
    here = int(re.search(r": ([\d,]+) message", label)[1].replace(",", ""))  # type: ignore[index]
    cell.click()
    expect(page).to_have_url(re.compile("period=custom&from="))
    settled(page)
    assert number(page, "Messages") == here < messages
    time_of_day = re.search(r"(\d+):00", label)
    assert time_of_day is not None
    hour = time_of_day[1].zfill(2)
    expect(page.get_by_label("From")).to_have_value(re.compile(rf"T{hour}:00$"))
    expect(page.locator(".headline")).to_contain_text(f"{hour}:00 to")
    page.get_by_role("link", name="Turns").click()
    settled(page)
    expect(page.get_by_text(re.compile(rf"turns? in this view, .*{hour}:00"))).to_be_visible()


def test_a_cell_of_several_dates_offers_them(overview: Page) -> None:
    page = overview
    page.get_by_role("radio", name="30 days").click()
    settled(page)
    cell = page.get_by_role("table", name="When people write").get_by_role("button").last
    cell.press("Enter")
    menu = page.get_by_role("dialog", name=re.compile("choose the date"))
    expect(menu.get_by_role("button").first).to_be_focused()
    expect(menu).to_be_in_viewport(ratio=1)
    assert serious_issues_in_both_colours(page) == []
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(cell).to_be_focused()
    cell.click()
    date = menu.get_by_role("button").last
    day = date.inner_text()
    date.click()
    expect(page).to_have_url(re.compile("period=custom&from="))
    expect(page.locator(".headline")).to_contain_text(day)
    expect(menu).to_have_count(0)


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
    expect(page.locator(".tip")).to_be_visible()
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"period=custom"))
    settled(page)
    expect(bars).to_have_count(3)
    # The pointer has not moved since.
    expect(page.locator(".tip")).to_have_count(0)
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
