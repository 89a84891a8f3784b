"""Words and links as a reader sees them: nothing is cut, a link looks like one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.e2e.web.conftest import OpenPage
from tests.e2e.web.steps import settled, sign_in
from tests.e2e.web.world import World

pytestmark = pytest.mark.e2e

CUT = """() => [...document.querySelectorAll('.nav-link, .segment, .button, th, .kpi h3')]
    .filter((part) => part.checkVisibility() && (part.scrollWidth > part.clientWidth + 1
        || (part.matches('.nav-link') && part.clientHeight > 44)))
    .map((part) => part.textContent)"""
PLAIN_LINKS = """() => [...document.querySelectorAll('main a:not(.button, .skip)')]
    .filter((link) => link.checkVisibility()
        && !getComputedStyle(link).textDecorationLine.includes('underline'))
    .map((link) => link.outerHTML)"""


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
