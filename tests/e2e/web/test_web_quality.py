"""Usable by everybody, on every screen, in each browser: accessibility, phone, languages, speed."""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, expect

from tests.api.running import PASSWORD
from tests.e2e.axe import FINDINGS, paper, serious_issues, serious_issues_in_both_colours
from tests.e2e.constants import LARGEST_FIRST_PAGE_KIB, READ_A_DIALOG
from tests.e2e.web.conftest import OpenPage
from tests.e2e.web.steps import settled, sign_in
from tests.e2e.web.world import PROJECT, World
from tests.programs import program
from warehouse.catalogue import BY_NAME

pytestmark = pytest.mark.e2e

MAX_FIRST_VIEW_SECONDS = 1.0
LARGEST_LAYOUT_SHIFT = 0.05
NODE = Path(sys.executable).parent / "node"
FIREFOX = PROJECT / "dashboards" / "web" / "tests" / "firefox.mjs"
MAX_FIREFOX_SECONDS = 600
CUT = """() => [...document.querySelectorAll('.nav-link, .segment, .button, th, .kpi h3')]
    .filter((part) => part.checkVisibility() && (part.scrollWidth > part.clientWidth + 1
        || (part.matches('.nav-link') && part.clientHeight > 44)))
    .map((part) => part.textContent)"""
PLAIN_LINKS = """() => [...document.querySelectorAll('main a:not(.button, .skip)')]
    .filter((link) => link.checkVisibility()
        && !getComputedStyle(link).textDecorationLine.includes('underline'))
    .map((link) => link.outerHTML)"""


def test_axe_finds_nothing_serious_on_any_page(page: Page, world: World) -> None:
    page.goto(world.url)
    page.get_by_label("Username").wait_for()
    found = serious_issues_in_both_colours(page)
    sign_in(page)
    for path in world.paths():
        page.goto(f"{world.url}{path}")
        settled(page)
        found += serious_issues_in_both_colours(page)
    page.goto(f"{world.url}/dialogs")
    settled(page)
    page.get_by_role("button", name=re.compile(READ_A_DIALOG)).first.click()
    page.get_by_role("dialog").wait_for()
    found += serious_issues_in_both_colours(page)
    assert found == []


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_label_is_cut_and_every_link_is_underlined(
    open_page: OpenPage, world: World, language: str
) -> None:
    page: Page = open_page()
    page.goto(world.url)
    sign_in(page)
    page.evaluate("(language) => localStorage.setItem('dialytics.language', language)", language)
    for path in world.paths():
        page.goto(f"{world.url}{path}")
        settled(page)
        assert page.evaluate(CUT) == [], path
        assert page.evaluate(PLAIN_LINKS) == [], path


@pytest.mark.timeout(900)
def test_an_analyst_works_in_firefox(world: World, browsers: set[str], tmp_path: Path) -> None:
    browsers.add("firefox")
    environment = {
        **os.environ,
        "FIREFOX": program("firefox"),
        "URL": world.url,
        "DASHBOARD_PASSWORD": PASSWORD,
        # Its profile and caches are of this test alone.
        "HOME": str(tmp_path),
    }
    outcome = subprocess.run(
        [NODE, FIREFOX],
        env=environment,
        capture_output=True,
        text=True,
        timeout=MAX_FIREFOX_SECONDS,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    seen = json.loads(outcome.stdout)
    FINDINGS.extend(seen["findings"])
    assert (seen["errors"], seen["findings"]) == ([], [])
    steps = seen["steps"]
    for period in ("week", "month"):
        answer = world.get("/stats/summary", username="ann", period=period)
        assert int(steps[period]) == answer["summary"]["current"]["active_users"]
    assert steps["person"]
    assert min(steps["people"], steps["dialogs"]) > 0
    assert steps["cookies"] == 0


def test_every_page_fits_a_phone_of_320_pixels(open_page: OpenPage, world: World) -> None:
    page = open_page(width=320, height=640, touch=True)
    page.goto(world.url)
    page.get_by_label("Username").wait_for()
    assert width_of(page) <= 320
    sign_in(page)
    for path in world.paths():
        page.goto(f"{world.url}{path}")
        settled(page)
        assert width_of(page) <= 320, path
    found = serious_issues(page)
    assert found == []


def test_a_phone_folds_the_controls_behind_the_choice(open_page: OpenPage, world: World) -> None:
    page = open_page(width=360, height=740, touch=True)
    page.goto(f"{world.url}/?f=is,status,answered")
    sign_in(page)
    month = page.get_by_role("radio", name="30 days")
    expect(month).to_be_hidden()
    fold = page.get_by_role("button", name="Period and filters: 7 days · 1 filter · vs previous")
    headline = page.locator(".headline").bounding_box()
    assert headline is not None
    # The numbers begin in the upper third of the screen.
    assert headline["y"] < 740 / 3
    fold.tap()
    month.tap()
    settled(page)
    expect(page.get_by_role("button", name="Period and filters: 30 days")).to_be_visible()


def width_of(page: Page) -> int:
    width: int = page.evaluate("() => document.documentElement.scrollWidth")
    return width


def test_the_menu_of_a_phone_opens_leads_and_closes(open_page: OpenPage, world: World) -> None:
    page = open_page(width=320, height=640, touch=True)
    page.goto(world.url)
    sign_in(page)
    expect(page.get_by_role("navigation")).to_be_hidden()
    page.get_by_role("button", name="Open the menu").tap()
    page.get_by_role("dialog").get_by_role("link", name="Retention").tap()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("heading", name="Retention", exact=True)).to_be_visible()


def test_the_keyboard_alone_signs_in_changes_the_period_and_walks_the_chart(
    page: Page, world: World
) -> None:
    page.goto(world.url)
    page.get_by_label("Username").wait_for()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Views")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="7 days")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="30 days")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("period=month"))
    settled(page)
    page.get_by_role("slider", name=re.compile("Activity")).focus()
    page.keyboard.press("Home")
    expect(page.locator(".tip")).to_contain_text("Messages:")


def test_it_speaks_russian_and_remembers_it(overview: Page) -> None:
    overview.get_by_role("radio", name="Русский").click()
    expect(overview.get_by_role("heading", name="Обзор")).to_be_visible()
    expect(overview.locator(".headline")).to_contain_text("пользовал")
    overview.reload()
    expect(overview.get_by_role("heading", name="Обзор")).to_be_visible()
    assert overview.evaluate("() => document.documentElement.lang") == "ru"


@pytest.mark.parametrize("width", [1280, 390])
def test_a_figure_is_explained_in_the_words_of_the_catalogue(overview: Page, width: int) -> None:
    overview.set_viewport_size({"width": width, "height": 760})
    button = overview.get_by_role("button", name="What does “Cost” mean?")
    button.click()
    explained = overview.locator(".definitions:popover-open")
    expect(explained).to_contain_text(BY_NAME["cost_usd"].definition)
    expect(explained).to_contain_text(BY_NAME["unpriced_turns"].definition)
    box = explained.bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= width
    assert 0 <= box["y"] <= box["y"] + box["height"] <= 760
    overview.keyboard.press("Escape")
    expect(explained).to_have_count(0)
    expect(button).to_be_focused()


def test_the_colours_can_be_chosen_against_the_system(overview: Page) -> None:
    light = paper(overview)
    overview.get_by_role("radio", name="Dark").click()
    overview.wait_for_function(
        "light => getComputedStyle(document.documentElement).backgroundColor !== light", arg=light
    )
    overview.reload()
    settled(overview)
    assert paper(overview) != light


def test_the_first_page_is_small_quick_and_does_not_jump(page: Page, world: World) -> None:
    page.goto(world.url)
    sign_in(page)
    page.context.new_cdp_session(page).send("Network.clearBrowserCache")
    loaded: list[Response] = []

    def keep(answer: Response) -> None:
        loaded.append(answer)

    page.on("response", keep)
    page.add_init_script(
        "window.shifts = 0; new PerformanceObserver((list) => { for (const entry of"
        " list.getEntries()) window.shifts += entry.value; })"
        ".observe({ type: 'layout-shift', buffered: true });"
    )
    page.reload()
    settled(page)
    files = [answer for answer in loaded if "/api/" not in answer.url]
    size = sum(len(gzip.compress(answer.body(), 9)) for answer in files) / 1024
    assert size <= LARGEST_FIRST_PAGE_KIB
    assert all(answer.header_value("content-encoding") for answer in files if ".js" in answer.url)
    assert page.evaluate("() => window.shifts") <= LARGEST_LAYOUT_SHIFT


@pytest.mark.measures
def test_the_first_view_stands_within_a_second(overview: Page) -> None:
    """Best of some: the machine of the tests is shared, and a page that is slow always is."""
    seconds = [math.inf]
    while min(seconds) > MAX_FIRST_VIEW_SECONDS and len(seconds) < 20:
        overview.reload()
        overview.locator(".kpi-value").first.wait_for()
        seconds.append(overview.evaluate("() => performance.now() / 1000"))
        settled(overview)
    assert min(seconds) <= MAX_FIRST_VIEW_SECONDS


def test_no_page_writes_an_error_into_the_console(overview: Page, world: World) -> None:
    errors: list[str] = []
    overview.on("console", lambda line: line.type == "error" and errors.append(line.text))
    overview.on("pageerror", lambda error: errors.append(str(error)))
    for path in world.paths():
        overview.goto(f"{world.url}{path}")
        settled(overview)
    assert errors == []
    overview.goto(f"{world.url}/nowhere")
    expect(overview.get_by_role("heading", name="Page not found")).to_be_visible()
    # The browser itself reports the status of an address that is no page.
    assert [line for line in errors if "404 (Not Found)" not in line] == []
