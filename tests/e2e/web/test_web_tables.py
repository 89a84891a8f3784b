"""Tables in real Chromium: names of any length, rows in the order of the whole list, phones."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.web.conftest import OpenPage
from tests.e2e.web.steps import settled, sign_in
from tests.e2e.web.world import World

pytestmark = pytest.mark.e2e

LONG = "W" * 64
SHOWN = 9
INVISIBLE = "\u200b\u3164\u2060"


@pytest.fixture(scope="module")
def odd_people(world: World) -> tuple[int, int]:
    """The keys of the person with a name of 64 letters, and of the one without a visible letter."""
    first, second = (
        user["user_key"]
        for user in world.get("/stats/users/top", username="ann", period="week")["top_users"][:2]
    )
    world.rename(first, LONG)
    world.rename(second, INVISIBLE)
    return first, second


def is_within(cell: Locator) -> bool:
    """Whether a cell is inside the part of its table that is seen."""
    inside: bool = cell.evaluate(
        "cell => { const box = cell.closest('.table-scroll').getBoundingClientRect();"
        " const own = cell.getBoundingClientRect();"
        " return own.left >= box.left - 1 && own.right <= box.right + 1; }"
    )
    return inside


def test_a_long_name_hides_no_column_and_an_invisible_one_is_the_key(
    open_page: OpenPage, world: World, odd_people: tuple[int, int]
) -> None:
    page = open_page(width=1280, height=900)
    page.goto(f"{world.url}/users")
    sign_in(page)
    table = page.get_by_role("table", name="Top users")
    expect(table.get_by_role("rowheader", name=f"#{odd_people[1]}")).to_be_visible()
    assert is_within(table.get_by_role("columnheader", name="Last"))
    name = table.get_by_text(LONG)
    whole = page.locator(".whole")
    name.hover()
    expect(whole).to_have_text(LONG)
    page.mouse.move(0, 0)
    expect(whole).to_have_count(0)
    name.focus()
    expect(whole).to_have_text(LONG)
    page.set_viewport_size({"width": 700, "height": 900})
    head = table.get_by_role("columnheader", name="Person")
    table.evaluate("table => table.closest('.table-scroll').scrollTo(4000, 0)")
    assert is_within(head)


def test_rows_of_a_phone_are_cards(
    open_page: OpenPage, world: World, odd_people: tuple[int, int]
) -> None:
    page = open_page(width=360, height=740, touch=True)
    page.goto(f"{world.url}/dialogs")
    sign_in(page)
    row = page.get_by_role("row").filter(has_text=LONG).first
    row.scroll_into_view_if_needed()
    for cell in row.get_by_role("cell").all():
        assert is_within(cell)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    assert odd_people


def test_no_column_is_cut_on_a_laptop(open_page: OpenPage, world: World) -> None:
    page = open_page(width=1366, height=768)
    page.goto(world.url)
    sign_in(page)
    for path in world.paths():
        page.goto(f"{world.url}{path}")
        settled(page)
        cut = page.evaluate(
            "() => [...document.querySelectorAll('.table-scroll:has(.rows)')]"
            ".filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.ariaLabel)"
        )
        assert cut == [], path


def with_few_rows(route: Route) -> None:
    """Ask for a smaller page than the dashboard would: these are people of few dialogs."""
    route.continue_(url=route.request.url.replace("limit=50", f"limit={SHOWN}"))


def dialogs_of(world: World, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = world.get("/stats/dialogs", username="ann", limit="100", **query, **cursor)
        found += page["dialogs"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def test_sorting_sorts_all_dialogs_and_not_those_that_are_loaded(page: Page, world: World) -> None:
    page.route("**/api/v1/stats/dialogs?*", with_few_rows)
    page.goto(f"{world.url}/dialogs?period=month")
    sign_in(page)
    every = dialogs_of(world, period="month")
    table = page.get_by_role("table", name="All dialogs")
    assert len(every) > 2 * SHOWN
    table.get_by_role("button", name="Cost").click()
    expect(page).to_have_url(f"{world.url}/dialogs?period=month&sort=dialogs%3A-cost_usd")
    settled(page)
    top = max(float(dialog["cost_usd"] or 0) for dialog in every)
    first = table.locator("tbody tr").first.locator("[data-label=Cost]")
    expect(first).to_have_text(f"${top:.4f}" if top < 10 else f"${top:.2f}")
    page.reload()
    settled(page)
    expect(first).to_have_text(f"${top:.4f}" if top < 1 else f"${top:.2f}")
    page.get_by_role("button", name="Show more").click()
    expect(table.locator("tbody tr")).to_have_count(2 * SHOWN)
    model = table.get_by_role("button", name="Model", exact=True)
    model.click()
    expect(table.get_by_role("columnheader", name="Model")).to_have_attribute(
        "aria-sort", "ascending"
    )


def test_pairs_of_durations_line_up(page: Page, world: World) -> None:
    page.goto(f"{world.url}/models?period=month")
    sign_in(page)
    settled(page)
    second = page.get_by_role("table", name="Models").locator("td > .aligned")
    edges = second.evaluate_all(
        "spans => spans.map(span => { const box = span.getBoundingClientRect();"
        " const column = span.parentElement.cellIndex;"
        " return [column, Math.round(box.left), Math.round(box.right)]; })"
    )
    assert len(edges) >= 4
    assert len({column for column, *_ in edges}) == 2
    assert len({tuple(edge) for edge in edges}) == 2
