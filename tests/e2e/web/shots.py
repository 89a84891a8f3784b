"""`make web-shots OUT=<directory>`: every page, light, dark and on a phone, as PNG files."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.e2e.constants import NEW_PASSWORD
from tests.e2e.web.browser import chromium
from tests.e2e.web.steps import settled, sign_in
from tests.e2e.web.world import DIST, World, dashboard, databases

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
}
LOOKS = {
    "light": {"width": 1440, "height": 900, "dark": False},
    "dark": {"width": 1440, "height": 900, "dark": True},
    "phone": {"width": 320, "height": 640, "dark": False},
}


def main() -> int:
    if not (DIST / "index.html").is_file():
        sys.stderr.write("The dashboard is not built: make web\n")
        return 2
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "shots")
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="dialytics-") as place,
        databases(Path(place)) as (postgres, clickhouse),
        dashboard(postgres, clickhouse, {}) as world,
    ):
        world.register("ann", scopes=("stats:read", "names:read", "texts:read", "admin"))
        world.load(people=400, days=75)
        for look, options in LOOKS.items():
            with (
                sync_playwright() as playwright,
                chromium(playwright, Path(place) / look, **options) as context,
            ):
                page = context.new_page()
                shoot(page, world, out, look)
    return 0


def shoot(page: Page, world: World, out: Path, look: str) -> None:
    page.goto(world.url)
    page.get_by_label("Username").wait_for()
    page.screenshot(path=out / f"sign-in-{look}.png")
    page.goto(f"{world.url}/reset#token=shown")
    page.get_by_label(NEW_PASSWORD, exact=True).wait_for()
    page.screenshot(path=out / f"reset-{look}.png")
    page.goto(world.url)
    sign_in(page)
    [*_, person, dialog] = world.paths()
    for name, path in {**PAGES, "person": f"{person}?period=month", "dialog": dialog}.items():
        page.goto(f"{world.url}{path}")
        settled(page)
        page.screenshot(path=out / f"{name}-{look}.png", full_page=True)
        sys.stderr.write(f"{name}-{look}.png\n")


if __name__ == "__main__":
    sys.exit(main())
