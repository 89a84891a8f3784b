"""`make web-shots OUT=<directory>`: every page and state, light, dark, on a tablet and a phone.

With TOUR=<directory> also the ten pictures of docs/tour.md.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.e2e.constants import NEW_PASSWORD, READ_A_DIALOG
from tests.e2e.web.browser import Look, chromium
from tests.e2e.web.steps import settled, sign_in
from tests.e2e.web.world import BOT_ID, DIST, World, dashboard, databases

PAGES = {
    "overview": "/?period=month",
    "users": "/users?period=month",
    "dialogs": "/dialogs",
    "turns": "/turns?period=month&f=is,status,failed",
    "models": "/models?period=month",
    "retention": "/retention?period=month",
    "quality": "/quality",
    "alerts": "/alerts",
    "account": "/account",
    "accounts": "/accounts",
    "audit": "/audit",
    # States of pages.
    "filtered": "/?period=28d&f=is_not,status,answered&with=weekdays",
    "one-metric": "/?period=90d&metric=cost_usd&bucket=week",
    "nothing-in-period": "/users?period=custom&from=2020-01-01&to=2020-01-07",
    "wrong-link": "/?period=century&tz=Mars/Base",
}
LOOKS: dict[str, Look] = {
    "light": {"width": 1440, "height": 900, "dark": False},
    "dark": {"width": 1440, "height": 900, "dark": True},
    "tablet": {"width": 820, "height": 1180, "dark": False},
    "phone": {"width": 320, "height": 640, "dark": False},
}
TOUR: Look = {"width": 1200, "height": 800, "dark": False}
TOUR_COLOURS = 128
"""Keeps a picture of the tour below 150 KB."""
SCOPES = ("stats:read", "names:read", "texts:read", "people:manage", "admin")
ROWS = (
    (
        "INSERT INTO bots (bot_id, username, has_operator_chat, total_monthly_usd, bot_daily_usd)"
        f" VALUES ({BOT_ID}, 'helper_bot', true, 6, 0.2)"
    ),
    (
        "INSERT INTO bill_totals (bot_id, period_start, period, usd) VALUES"
        " (0, date_trunc('month', now() AT TIME ZONE 'Europe/Moscow'), 'month', 4.1),"
        f" ({BOT_ID}, CAST(now() AT TIME ZONE 'Europe/Moscow' AS date), 'day', 0.17)"
    ),
    (
        "INSERT INTO alerts (name, metric, width, test, threshold, no_data, author_id, author)"
        " VALUES"
        " ('Twice the usual cost', 'cost_usd', 'hour', 'times_usual', 2, 'ignore', 1, 'ann'),"
        " ('Many failures', 'error_rate', 'day', 'above', 0.05, 'ignore', 1, 'ann')"
    ),
    (
        "INSERT INTO alert_events (alert_id, window_start, window_end, value, high)"
        " SELECT id, date_trunc('hour', now()) - interval '6 days',"
        " date_trunc('hour', now()) - interval '143 hours', 0.31, 0.1 FROM alerts WHERE id = 1"
    ),
)


def main() -> int:
    if not (DIST / "index.html").is_file():
        sys.stderr.write("The dashboard is not built: make web\n")
        return 2
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "shots")
    out.mkdir(parents=True, exist_ok=True)
    tour = os.environ.get("TOUR")
    with (
        tempfile.TemporaryDirectory(prefix="dialytics-") as place,
        databases(Path(place)) as (postgres, clickhouse),
        dashboard(postgres, clickhouse, {}) as world,
    ):
        world.register("ann", scopes=SCOPES)
        for look, options in LOOKS.items():
            with opened(Path(place) / f"{look}-empty", options) as page:
                shoot_empty(page, world, out / f"first-steps-{look}.png")
        world.load(people=400, days=75)
        for statement in ROWS:
            world.execute(statement)
        for look, options in LOOKS.items():
            with opened(Path(place) / look, options) as page:
                shoot(page, world, out, look)
        if tour:
            with opened(Path(place) / "tour", TOUR) as page:
                shoot_tour(page, world, Path(tour))
    return 0


@contextmanager
def opened(profile: Path, options: Look) -> Iterator[Page]:
    with sync_playwright() as playwright, chromium(playwright, profile, **options) as context:
        yield context.new_page()


def shoot_empty(page: Page, world: World, path: Path) -> None:
    """The overview before the first publication."""
    page.goto(world.url)
    sign_in(page)
    page.get_by_role("region", name="First steps").get_by_role("listitem").first.wait_for()
    page.screenshot(path=path, full_page=True)


def shoot(page: Page, world: World, out: Path, look: str) -> None:
    def save(name: str, *, full_page: bool = True) -> None:
        page.screenshot(path=out / f"{name}-{look}.png", full_page=full_page)
        sys.stderr.write(f"{name}-{look}.png\n")

    page.goto(world.url)
    page.get_by_label("Username").wait_for()
    save("sign-in")
    page.goto(f"{world.url}/reset#token=shown")
    page.get_by_label(NEW_PASSWORD, exact=True).wait_for()
    save("reset")
    page.goto(world.url)
    sign_in(page)
    for name, path in {**PAGES, **pages_of_one(world)}.items():
        page.goto(f"{world.url}{path}")
        settled(page)
        save(name)
    for name, (path, show) in DIALOGS.items():
        page.goto(f"{world.url}{path}")
        settled(page)
        show(page)
        settled(page)
        save(name, full_page=name == "alert-form")
    page.goto(f"{world.url}/nowhere")
    page.get_by_role("heading", name="Page not found").wait_for()
    save("not-found")
    page.evaluate("() => localStorage.setItem('dialytics.language', 'ru')")
    for name in ("overview", "models"):
        page.goto(f"{world.url}{PAGES[name]}")
        settled(page)
        save(f"{name}-russian")


def pages_of_one(world: World) -> Mapping[str, str]:
    [*_, person, dialog] = world.paths()
    return {"person": f"{person}?period=month", "dialog": dialog}


def find(page: Page) -> None:
    page.keyboard.press("/")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("model")


def keys(page: Page) -> None:
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()


def views(page: Page) -> None:
    page.get_by_role("button", name="Views").first.click()
    page.get_by_role("dialog").wait_for()


def rule_form(page: Page) -> None:
    page.get_by_role("button", name="New rule").click()
    page.get_by_role("radio", name="Limits").click()
    page.get_by_label("About").fill("everyone")


def alert_form(page: Page) -> None:
    page.get_by_role("button", name="New alert").click()
    page.get_by_role("status").get_by_text("Would have fired").wait_for()


def read_dialog(page: Page) -> None:
    page.get_by_role("button", name=re.compile(READ_A_DIALOG)).first.click()
    page.get_by_role("dialog").wait_for()


DIALOGS: Mapping[str, tuple[str, Callable[[Page], None]]] = {
    "find": ("/", find),
    "keys": ("/", keys),
    "views": ("/", views),
    "rule-form": ("/accounts", rule_form),
    "alert-form": ("/alerts", alert_form),
    "read-dialog": ("/dialogs", read_dialog),
}


def shoot_tour(page: Page, world: World, out: Path) -> None:
    """Ten pictures of one size, with few colours."""
    page.goto(world.url)
    sign_in(page)
    one = pages_of_one(world)
    pictures: dict[str, tuple[str, Callable[[Page], None] | None]] = {
        "overview": (PAGES["overview"], None),
        "find": ("/?period=month", find),
        "users": (PAGES["users"], None),
        "person": (one["person"], None),
        "turns": (PAGES["turns"], None),
        "models": (PAGES["models"], lambda page: top_at(page, "Spending limits")),
        "retention": (PAGES["retention"], None),
        "alerts": ("/alerts", alert_form),
        "quality": (PAGES["quality"], None),
        "accounts": ("/accounts", None),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, (path, show) in pictures.items():
        page.goto(f"{world.url}{path}")
        settled(page)
        if show:
            show(page)
            settled(page)
        target = out / f"tour-{name}.png"
        page.screenshot(path=target)
        with Image.open(target) as picture:
            picture.convert("RGB").quantize(TOUR_COLOURS).save(target, optimize=True)


def top_at(page: Page, title: str) -> None:
    page.get_by_role("region", name=title).evaluate("(card) => card.scrollIntoView()")


if __name__ == "__main__":
    sys.exit(main())
