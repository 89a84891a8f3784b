"""Steps of a person on the page, with what they wait for."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.api.running import PASSWORD


def sign_in(page: Page, username: str = "ann", password: str = PASSWORD) -> None:
    """From the entry page to the first page with numbers."""
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    settled(page)


def settled(page: Page) -> None:
    """All numbers of the page are there and belong to the period that is chosen."""
    page.locator(".page-body[aria-busy=false]").wait_for()
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(page.locator(".page-body > .stale, .card .stale")).to_have_count(0)


def figure(page: Page, name: str) -> Locator:
    """The card of one key figure."""
    cards = page.get_by_role("list", name="Key figures").get_by_role("listitem")
    return cards.filter(has=page.get_by_role("heading", name=name, exact=True))


def number(page: Page, name: str) -> int:
    """The value of a key figure that counts."""
    text = figure(page, name).locator(".kpi-value").inner_text()
    return int(text.replace(",", ""))
