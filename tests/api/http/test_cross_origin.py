"""No page of another origin changes anything through a browser that is logged in."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.api.constants import ME
from tests.api.running import ADMIN_TOKEN, PASSWORD, RunningApi, StartApi, register
from tests.browser.other_origin import other_origin
from tests.e2e.web.browser import PATIENCE_MILLISECONDS, chromium
from tests.programs import program

QUERY = "/api/v1/query"
BODY = {"metrics": ["user_messages"], "date_range": "7d"}
EVIL = {"Origin": "https://evil.example"}
# A body that a form can send as well as JSON, so that no preflight asks before it.
FORM = """query => {
  const form = document.createElement('form')
  form.method = 'POST'
  form.enctype = 'text/plain'
  form.action = query
  form.innerHTML = '<input name=\\'{"metrics":["user_messages"],"date_range":"\\' value=\\'7d"}\\'>'
  document.body.append(form)
  form.submit()
}"""
LOG_IN_AND_ASK = """async ([api, password, body]) => {
  const account = new URLSearchParams({ username: 'ann', password })
  const login = await fetch(`${api}/api/v1/auth/token`, { method: 'POST', body: account })
  const { access_token } = await login.json()
  const asked = await fetch(`${api}/api/v1/query`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${access_token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  return [login.status, asked.status, (await asked.json()).results]
}"""


async def test_every_other_method_of_every_route_is_refused(client: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
        for path in ("/api/v1/auth/token", ME, "/api/v1/nothing", "/", "/metrics"):
            for headers in (EVIL, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
                refused = await client.request(method, path, headers=headers)
                assert (refused.status_code, refused.json()["code"]) == (403, "cross_origin")
                assert "access-control-allow-origin" not in refused.headers
                assert "x-ratelimit-remaining" not in refused.headers, "it counted"
            scripted = await client.request(method, path)
            assert "cross_origin" not in scripted.text


async def test_reading_is_no_change_and_an_own_or_named_page_may_write(
    start_api: StartApi,
) -> None:
    api = start_api(cors_origins="https://pages.example.org")
    async with api.client() as client:
        await register(client)
        login = {"username": "ann", "password": PASSWORD}
        for origin in (api.url, "https://pages.example.org"):
            entered = await client.post(
                "/api/v1/auth/token", data=login, headers={"Origin": origin}
            )
            assert entered.status_code == 200, origin
        for method in ("GET", "HEAD"):
            read = await client.request(method, ME, headers=EVIL, auth=("ann", PASSWORD))
            assert read.status_code == 200
        # A login is refused before its password is looked at, so it counts as no failure.
        refused = await client.post("/api/v1/auth/token", data=login, headers=EVIL)
        assert refused.status_code == 403
        metrics = (await client.get("/metrics")).text
        assert 'api_refusals_total{code="cross_origin"} 1.0' in metrics


def test_each_way_to_log_in_is_a_header_of_its_own(api: RunningApi) -> None:
    address = urlsplit(api.url)
    with socket.create_connection((address.hostname, address.port), timeout=90) as raw:
        raw.sendall(f"GET {ME} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65_536), b"")).lower()
    assert b'\r\nwww-authenticate: basic realm="dialytics", charset="utf-8"\r\n' in answer
    assert b"\r\nwww-authenticate: bearer\r\n" in answer


async def test_a_wrong_password_in_a_body_opens_no_dialog(client: httpx.AsyncClient) -> None:
    await register(client)
    change = {"current_password": "wrong", "new_password": f"{PASSWORD}!"}
    refused = await client.post("/api/v1/auth/password", json=change, auth=("ann", PASSWORD))
    assert refused.status_code == 401
    assert "Basic" not in refused.headers["www-authenticate"]


@pytest.mark.e2e
def test_a_browser_that_is_logged_in_is_of_no_use_to_another_page(
    start_week: StartApi, tmp_path: Path
) -> None:
    program("chromium")
    with (
        other_origin() as port,
        sync_playwright() as playwright,
        chromium(playwright, tmp_path / "profile") as window,
    ):
        api = start_week(cors_origins=f"http://localhost:{port}")
        account = {"username": "ann", "password": PASSWORD, "admin_token": ADMIN_TOKEN}
        httpx.post(f"{api.url}/api/v1/auth/register", json=account, timeout=90).raise_for_status()
        page = window.new_page()
        # The browser understands the challenge, and logs in with what the address holds.
        page.goto(api.url.replace("://", f"://ann:{PASSWORD}@") + ME)
        expect(page.locator("body")).to_contain_text(
            '"username":"ann"', timeout=PATIENCE_MILLISECONDS
        )

        # By its other name the page is of another site; by the same one, of another origin.
        for name in ("127.0.0.1", "127.0.0.2"):
            page.goto(f"http://{name}:{port}/")
            page.evaluate(FORM, api.url + QUERY)
            expect(page.locator("body")).to_contain_text(
                "cross_origin", timeout=PATIENCE_MILLISECONDS
            )

        page.goto(f"http://localhost:{port}/")
        login, asked, results = page.evaluate(LOG_IN_AND_ASK, [api.url, PASSWORD, BODY])
        assert (login, asked) == (200, 200)
        assert results == [{"dimensions": [], "metrics": [8]}]
