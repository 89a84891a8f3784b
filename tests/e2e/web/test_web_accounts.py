"""The pages of accounts in real Chromium: the own one, and those of administrators."""

from __future__ import annotations

import csv
import io
import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.running import PASSWORD
from tests.e2e.axe import serious_issues, serious_issues_in_both_colours
from tests.e2e.constants import NEW_PASSWORD
from tests.e2e.web.conftest import OpenPage
from tests.e2e.web.steps import settled, sign_in
from tests.e2e.web.test_web_quality import width_of
from tests.e2e.web.world import World

pytestmark = pytest.mark.e2e

PATHS = ["/account", "/accounts", "/audit"]


@pytest.fixture(scope="module")
def admin(world: World) -> str:
    world.register("boss", scopes=("admin", "stats:read", "names:read"))
    return "boss"


def test_a_key_that_the_page_made_works_until_it_is_revoked(
    page: Page, world: World, admin: str
) -> None:
    page.goto(f"{world.url}/account")
    sign_in(page, admin)
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("notebook")
    page.get_by_role("dialog").get_by_role("button", name="Create key").click()
    key = page.get_by_label("Key", exact=True).input_value()
    me = {"url": f"{world.url}/api/v1/auth/me", "headers": {"Authorization": f"Bearer {key}"}}
    assert httpx.get(**me, timeout=90).json()["granted_scopes"] == ["stats:read"]
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Revoke: notebook").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_role("table", name="API keys").get_by_text("revoked")).to_be_visible()
    assert httpx.get(**me, timeout=90).status_code == httpx.codes.UNAUTHORIZED


def test_a_changed_password_ends_other_sessions_and_not_this_one(
    open_page: OpenPage, world: World
) -> None:
    world.register("changer")
    here, there = open_page(), open_page()
    there.goto(world.url)
    sign_in(there, "changer")
    here.goto(f"{world.url}/account")
    sign_in(here, "changer")
    here.get_by_label("Current password").fill(PASSWORD)
    here.get_by_label(NEW_PASSWORD, exact=True).fill("another horse battery")
    here.get_by_role("button", name="Change password").click()
    expect(here.get_by_text("Your password has been changed.")).to_be_visible()
    sessions = here.get_by_role("table", name="Sessions").locator("tbody tr")
    expect(sessions).to_have_count(1)
    expect(there.get_by_role("dialog", name="Your session has ended")).to_be_visible()


def test_an_invitation_registers_once(open_page: OpenPage, world: World, admin: str) -> None:
    page, other = open_page(), open_page()
    page.goto(f"{world.url}/accounts")
    sign_in(page, admin)
    page.get_by_role("button", name="New invitation").click()
    page.get_by_label("Name", exact=True).fill("guest")
    page.get_by_role("dialog").get_by_role("button", name="Create invitation").click()
    link = page.get_by_label("Link", exact=True).input_value()
    other.goto(link)
    other.get_by_label("Username").fill("guest")
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Register", exact=True).click()
    settled(other)
    assert other.url == f"{world.url}/"
    expect(other.locator(".account-name:visible")).to_have_text("guest")
    page.get_by_role("button", name="Close").click()
    page.reload()
    expect(page.get_by_role("table", name="Invitations").get_by_text("used up")).to_be_visible()


def test_an_admin_grants_resets_disables_and_reads_the_trail(
    page: Page, world: World, admin: str
) -> None:
    world.register("staff")
    page.goto(f"{world.url}/accounts")
    sign_in(page, admin)
    page.get_by_role("button", name="Manage staff").click()
    dialog = page.get_by_role("dialog", name="staff")
    dialog.get_by_label("names:read").check()
    dialog.get_by_role("button", name="Save permissions").click()
    expect(dialog.get_by_text("Saved.")).to_be_visible()
    dialog.get_by_role("button", name="Create a password reset link").click()
    link = dialog.get_by_label("Password reset link")
    expect(link).to_have_value(re.compile(f"^{world.url}/reset#token=dlr_"))
    assert serious_issues_in_both_colours(page) == []
    for _ in range(2):
        dialog.get_by_role("button", name="Disable").click()
    expect(dialog.get_by_role("button", name="Enable")).to_be_visible()
    found = world.execute("SELECT scopes, disabled_at FROM api_users WHERE username = 'staff'")
    assert found[0]["scopes"] == ["names:read", "stats:read"]
    assert found[0]["disabled_at"] is not None
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("link", name="Audit trail").click()
    table = page.get_by_role("table", name="Audit trail")
    granted = "account: staff · before: stats:read · after: names:read, stats:read"
    expect(table.get_by_text(granted)).to_be_visible()
    page.get_by_role("button", name="What Everything").click()
    page.get_by_role("checkbox", name="Account disabled").check()
    page.get_by_role("checkbox", name="Account enabled").check()
    assert serious_issues_in_both_colours(page) == []
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("button", name="What 2 kinds of events")).to_be_visible()
    expect(table.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as saved:
        page.get_by_role("link", name="All as CSV").click()
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text(encoding="utf-8"))))
    assert [(row["kind"], row["actor"]) for row in rows] == [("account_disabled", admin)]


def test_the_pages_of_accounts_are_for_everybody_and_every_screen(
    page: Page, world: World, admin: str
) -> None:
    page.goto(f"{world.url}/account")
    sign_in(page, admin)
    found = []
    for path in PATHS:
        page.goto(f"{world.url}{path}")
        settled(page)
        found += serious_issues_in_both_colours(page)
    page.set_viewport_size({"width": 320, "height": 640})
    for path in PATHS:
        page.goto(f"{world.url}{path}")
        settled(page)
        found += serious_issues(page)
        assert width_of(page) <= 320, path
    assert found == []


def test_an_operator_bans_a_person_on_their_page_and_ends_the_ban(page: Page, world: World) -> None:
    world.register("operator", scopes=("people:manage", "stats:read"))
    [person] = world.execute("SELECT key FROM users ORDER BY key LIMIT 1")
    page.goto(f"{world.url}/people/{person['key']}")
    sign_in(page, "operator")
    page.get_by_role("button", name="Ban or limit").click()
    dialog = page.get_by_role("dialog", name="New rule for")
    dialog.get_by_label("Reason").fill("spam")
    found = serious_issues_in_both_colours(page)
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog).to_contain_text("until the ban is lifted")
    found += serious_issues_in_both_colours(page)
    assert world.execute("SELECT kind FROM access_rules") == []
    dialog.get_by_role("button", name=f"Ban #{person['key']}").click()
    expect(dialog).to_be_hidden()
    states = page.get_by_role("list", name="Rules")
    expect(states).to_contain_text(
        re.compile("^Banned since .* by operator, until it is lifted: spam")
    )
    expect(page.get_by_role("table", name="Rules").get_by_role("row")).to_have_count(2)
    found += serious_issues_in_both_colours(page)
    assert [row["kind"] for row in world.execute("SELECT kind FROM access_rules")] == ["ban"]
    for _ in range(2):
        states.get_by_role("button", name="Lift the ban").click()
    expect(page.get_by_text("No rules.")).to_be_visible()
    expect(states).to_be_hidden()
    assert found == []


def test_the_form_of_a_rule_fits_a_phone(open_page: OpenPage, world: World, admin: str) -> None:
    page = open_page(width=320, height=640)
    page.goto(f"{world.url}/accounts")
    sign_in(page, admin)
    page.get_by_role("button", name="New rule").click()
    dialog = page.get_by_role("dialog", name="New rule")
    assert dialog.evaluate("(box) => box.scrollWidth - box.clientWidth") <= 0
