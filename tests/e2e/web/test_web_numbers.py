"""The numbers on the page are the numbers of the API, for every view that an address can name."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.e2e.constants import READ_A_DIALOG
from tests.e2e.web.conftest import OpenPage
from tests.e2e.web.steps import figure, number, settled, sign_in
from tests.e2e.web.world import World

pytestmark = pytest.mark.e2e


def summary(world: World, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = world.get("/stats", username="ann", **query)["summary"]
    return found


@pytest.mark.parametrize(
    ("button", "period"), [("24 hours", "day"), ("7 days", "week"), ("30 days", "month")]
)
def test_each_period_shows_the_numbers_of_the_api(
    overview: Page, world: World, button: str, period: str
) -> None:
    overview.get_by_role("radio", name=button).click()
    expect(overview.get_by_role("radio", name=button)).to_be_checked()
    settled(overview)
    expected = summary(world, period=period, compare="true")
    assert number(overview, "Active users") == expected["current"]["active_users"]
    assert number(overview, "Messages") == expected["current"]["user_messages"]
    assert number(overview, "New users") == expected["current"]["new_users"]
    before = f"vs {expected['previous']['user_messages']:,}"
    expect(figure(overview, "Messages")).to_contain_text(before)


def test_the_headline_answers_the_five_questions(overview: Page, world: World) -> None:
    # Some models differ by chance; this one fails so often that it may be called the worst.
    world.execute(
        "INSERT INTO turns (id, bot_id, user_key, dialog_id, chat_type, user_messages,"
        " received_at, sent_at, answered_at, status, model_asked)"
        " SELECT gen_random_uuid(), bot_id, user_key, dialog_id, chat_type, 1,"
        " now(), now(), now(), 'failed', 'vendor/broken'"
        " FROM turns WHERE status = 'answered' LIMIT 40"
    )
    world.cycle()
    headline = overview.locator(".headline")
    expect(headline).to_contain_text("vendor/broken")
    overview.reload()
    settled(overview)
    # Alerts of other tests have marks, too.
    expect(overview.locator(".plot .flag")).not_to_have_count(0)
    answer = world.get("/stats", username="ann", period="week", compare="true")
    now, before = answer["summary"]["current"], answer["summary"]["previous"]
    models = world.get("/stats/models", username="ann", period="week")["models"]["models"]
    [worst] = [model for model in models if model["model"] == "vendor/broken"]
    expect(headline).to_contain_text(f"{now['active_users']:,} people used the bot")
    expect(headline).to_contain_text(f"({before['active_users']:,})")
    cost = float(now["cost_usd"])
    expect(headline).to_contain_text(f"Cost: ${cost:.2f}" if cost >= 1 else f"${cost:.4f}")
    expect(headline).to_contain_text(f"{worst['model']} has the highest failure rate")
    expect(overview.locator(".freshness")).to_contain_text(re.compile(r"Updated .+ ago"))


def test_comparing_can_be_switched_off_and_on(overview: Page) -> None:
    previous = overview.locator(".line.previous")
    expect(previous).to_have_count(2)
    overview.get_by_role("switch", name="Compare").click()
    settled(overview)
    expect(previous).to_have_count(0)
    expect(figure(overview, "Active users").locator(".kpi-before")).to_be_empty()
    assert overview.url.endswith("?compare=0")
    overview.get_by_role("switch", name="Compare").click()
    settled(overview)
    expect(previous).to_have_count(2)


def test_a_shared_address_opens_the_same_view(
    overview: Page, open_page: OpenPage, world: World
) -> None:
    overview.get_by_role("radio", name="Custom").click()
    days = [
        day.isoformat()
        for (day,) in world.execute(
            "SELECT DISTINCT received_at::date FROM turns ORDER BY 1 LIMIT 9"
        )
    ]
    overview.get_by_label("From").fill(days[2])
    overview.get_by_label("To (inclusive)").fill(days[8])
    overview.get_by_role("button", name="Apply").click()
    overview.get_by_label("Time zone").select_option("UTC")
    settled(overview)
    [(messages,)] = world.execute(
        "SELECT sum(user_messages)::int FROM turns"
        " WHERE (received_at AT TIME ZONE 'UTC')::date BETWEEN $1::text::date AND $2::text::date",
        days[2],
        days[8],
    )
    assert number(overview, "Messages") == messages
    other = open_page()
    other.goto(overview.url)
    sign_in(other)
    assert number(other, "Messages") == messages
    expect(other.get_by_label("Time zone")).to_have_value("UTC")


def test_a_csv_file_holds_what_the_chart_shows(
    overview: Page, world: World, tmp_path: Path
) -> None:
    with overview.expect_download() as download:
        overview.get_by_role("button", name="Save as CSV: Activity").click()
    path = tmp_path / "activity.csv"
    download.value.save_as(path)
    assert re.fullmatch(
        r"activity_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d\.csv", download.value.suggested_filename
    )
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    answer = world.get("/stats", username="ann", period="week", compare="true")
    expected = answer["activity"]["points"] + answer["activity"]["previous"]
    assert [int(row["user_messages"]) for row in rows] == [p["user_messages"] for p in expected]
    assert [row["start"] for row in rows] == [p["start"] for p in expected]


def test_the_page_follows_new_numbers_by_itself_and_asks_with_etags(
    overview: Page, world: World
) -> None:
    before = number(overview, "Messages")
    with overview.expect_response(
        lambda answer: "/api/v1/stats?" in answer.url and answer.status == 304
    ):
        pass
    # A mark on the drawn element: if React drew it anew, it would be gone.
    overview.evaluate("() => document.querySelector('.kpis').setAttribute('data-mark', 'same')")
    world.execute(
        "INSERT INTO turns (id, bot_id, user_key, dialog_id, chat_type, user_messages,"
        " received_at, sent_at, answered_at, status, model_asked, model_used)"
        " SELECT gen_random_uuid(), bot_id, user_key, dialog_id, chat_type, 7,"
        " now(), now(), now(), 'answered', model_asked, model_used"
        " FROM turns WHERE status = 'answered' LIMIT 1"
    )
    world.cycle()
    expect(figure(overview, "Messages").locator(".kpi-value")).to_have_text(f"{before + 7:,}")
    expect(overview.locator(".kpis")).to_have_attribute("data-mark", "same")


def test_the_text_of_a_dialog_opens_after_a_warning_and_is_recorded(
    overview: Page, world: World
) -> None:
    overview.get_by_role("link", name="Dialogs").click()
    settled(overview)
    asked: list[Request] = []
    overview.on("request", lambda one: "/text" in one.url and asked.append(one))
    overview.get_by_role("button", name=re.compile(READ_A_DIALOG)).first.click()
    reader = overview.get_by_role("dialog")
    expect(reader).to_contain_text("are recorded")
    assert asked == []
    [before] = world.execute("SELECT count(*) FROM text_readings")
    reader.get_by_role("button", name="Open and record").click()
    expect(reader.locator(".words").first).not_to_be_empty()
    expect(reader.locator(".said").last).to_be_in_viewport()
    expect(reader).to_contain_text("This reading has been recorded.")
    # Others read dialogs of this world, too.
    *earlier, reading = world.execute(
        "SELECT username, messages FROM text_readings"
        " JOIN api_users ON api_users.id = text_readings.account_id ORDER BY read_at"
    )
    assert len(earlier) == before["count"]
    assert reading["username"] == "ann"
    assert reading["messages"] == reader.locator(".said").count()
    overview.keyboard.press("Escape")
    expect(reader).to_be_hidden()


def test_without_the_scope_there_are_no_texts_and_no_names(page: Page, world: World) -> None:
    world.register("plain")
    page.goto(f"{world.url}/dialogs")
    sign_in(page, "plain")
    expect(page.get_by_text("You don't have permission to read conversations.")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Read the dialog"))).to_have_count(0)
    expect(page.locator("tbody th").first).to_have_text(re.compile(r"^#\d+"))
