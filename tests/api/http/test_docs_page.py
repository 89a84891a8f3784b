"""The page at /docs: shows the API, loads nothing from other hosts, has a strict policy."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.api.running import ADMIN_TOKEN, PASSWORD, RunningApi
from tests.e2e.web.browser import PATIENCE_MILLISECONDS, chromium
from tests.programs import program

LOADS = re.compile(r'(?:src|<link [^>]*href)="([^"]+)"')


async def test_the_page_names_no_other_host_and_what_it_loads_is_here(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in page.text
    kinds = {}
    for path in LOADS.findall(page.text):
        asset = await client.get(path)
        assert asset.status_code == 200, path
        # Python 3.11 calls scripts an application.
        kind = asset.headers["content-type"].partition(";")[0]
        kinds[path] = kind.replace("application/", "text/")
    assert kinds == {
        "/docs/favicon.png": "image/png",
        "/docs/swagger-ui.css": "text/css",
        "/docs/swagger-ui-bundle.js": "text/javascript",
        "/docs/start.js": "text/javascript",
    }
    assert "//" not in (await client.get("/docs/start.js")).text


async def test_the_page_has_a_strict_policy_of_its_own(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    policy = page.headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'"):
        assert rule in policy.split("; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script>|<style|\son\w+=", page.text)


async def test_only_what_the_page_needs_is_served_beside_it(client: httpx.AsyncClient) -> None:
    for path in ("/docs/redoc.standalone.js", "/docs/oauth2-redirect", "/docs/..%2fcore.py"):
        assert (await client.get(path)).status_code == 404, path
    tag = (await client.get("/docs/swagger-ui.css")).headers["etag"]
    again = await client.get("/docs/swagger-ui.css", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.e2e
def test_a_browser_shows_an_operation_runs_it_and_asks_nobody_else(
    api: RunningApi, tmp_path: Path
) -> None:
    program("chromium")
    account = {"username": "ann", "password": PASSWORD, "admin_token": ADMIN_TOKEN}
    httpx.post(f"{api.url}/api/v1/auth/register", json=account, timeout=90).raise_for_status()
    complaints: list[str] = []
    asked: set[str] = set()
    with sync_playwright() as playwright, chromium(playwright, tmp_path / "profile") as window:
        page = window.new_page()
        page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.add(request.url))
        page.goto(f"{api.url}/docs")
        page.get_by_role("button", name="Authorize", exact=True).click()
        basic = page.locator(".auth-container", has_text="basic")
        basic.get_by_label("Username").fill("ann")
        basic.get_by_label("Password").fill(PASSWORD)
        basic.get_by_label("Apply credentials").click()
        page.get_by_role("button", name="Close").first.click()
        operation = page.locator(".opblock", has_text="/api/v1/auth/me")
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        shown = operation.locator(".live-responses-table")
        expect(shown).to_contain_text('"username": "ann"', timeout=PATIENCE_MILLISECONDS)
    # A refusal by the policy is an error in the console.
    assert complaints == []
    assert {url for url in asked if not url.startswith((f"{api.url}/", "data:"))} == set()
