"""The guard of Dagster's page: names, origins, accounts. Over real HTTP."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
from playwright.sync_api import sync_playwright
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from pipelines.runtime.page_guard import PageGuard
from pipelines.runtime.page_login import REMEMBER_SECONDS, ApiLogin
from pipelines.settings import DagsterSettings
from tests.api.conftest import start_api
from tests.api.running import NOWHERE, PASSWORD, StartApi, register, serving
from tests.api.scopes import grant, grant_now
from tests.browser.other_origin import other_origin
from tests.e2e.web.browser import chromium
from tests.programs import program

__all__ = ["start_api"]

EVERYWHERE = "0.0.0.0"  # noqa: S104 # only compared
EVIL = "https://evil.example"
OPENS = """url => new Promise(resolve => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-ws')
  socket.onopen = () => resolve(true)
  socket.onerror = () => resolve(false)
})"""
# An image, a frame, a form that needs no preflight.
ATTACK = """async url => {
  const at = `${url}/graphql?query=mutation{stopSensor}`
  document.body.innerHTML = `<img src="${at}"><iframe name="framed" src="${url}/runs"></iframe>
    <iframe name="answer"></iframe><form method="POST" action="${at}" target="answer"></form>`
  const parts = [...document.querySelectorAll('img, [name=framed]')]
  const ended = parts.map(one => new Promise(resolve => {
    one.onload = one.onerror = () => resolve(one.tagName)
  }))
  document.forms[0].submit()
  return Promise.all(ended)
}"""
MUTATION = {"query": "mutation { stopSensor { __typename } }"}


@contextmanager
def guarded(
    *,
    hosts: tuple[str, ...] = (),
    login: ApiLogin | None = None,
    reached: list[str] | None = None,
) -> Iterator[str]:
    """A page behind the guard that answers all requests and adds them to `reached`."""
    noted = [] if reached is None else reached

    async def _page(request: Request) -> Response:
        noted.append(f"{request.method} {request.url.path}")
        return PlainTextResponse("seen")

    async def _socket(websocket: WebSocket) -> None:
        noted.append("WebSocket")
        await websocket.accept(subprotocol=next(iter(websocket.scope["subprotocols"]), None))
        await websocket.close()

    methods = ["GET", "POST", "PUT", "DELETE"]
    routes = [
        WebSocketRoute("/graphql", _socket),
        Route("/{path:path}", _page, methods=methods),
    ]
    with serving(PageGuard(Starlette(routes=routes), hosts=hosts, login=login)) as url:
        yield url


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with guarded(hosts=("dagster.example.org",)) as url:
        yield url


def status(url: str, headers: list[tuple[str, str]], method: str = "GET", path: str = "/") -> int:
    """Status of a request with only these headers."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=90)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse().status
    connection.close()
    return answer


async def opens(url: str, headers: dict[str, str]) -> bool:
    """Whether the guard lets a WebSocket through."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(f"{url}/graphql", headers=headers):
                return True
        except aiohttp.WSServerHandshakeError:
            return False


def test_only_known_names_are_served(page: str) -> None:
    for known in ("localhost:3000", "127.0.0.1", "[::1]:9", "Dagster.Example.org:443"):
        assert status(page, [("Host", known)]) == 200, known
    for unknown in (
        *("evil.example", "dagster.example.org.evil.example", "localhost@evil.example"),
        *("192.0.2.1:3000", "localhost.", "", "localhost:port", "[localhost", "localhost/"),
    ):
        assert status(page, [("Host", unknown)]) == 400, unknown
    assert status(page, [("Host", "localhost"), ("X-Forwarded-Host", "evil.example")]) == 400
    assert status(page, [("Host", "localhost"), ("Host", "evil.example")]) == 400


async def test_a_query_by_get_is_refused(page: str) -> None:
    async with httpx.AsyncClient(base_url=page, timeout=90) as client:
        for path in ("/graphql", "/graphql/", "/%67raphql"):
            for query in ("?query={version}", "?a=b&%71uery=mutation%7Bx%7D", "?query="):
                for method in ("GET", "HEAD"):
                    refused = await client.request(method, path + query)
                    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        assert (await client.get("/graphql")).status_code == 200
        assert (await client.post("/graphql", json=MUTATION)).status_code == 200
        assert (await client.get("/runs?query=x")).status_code == 200


async def test_only_own_pages_and_scripts_change_anything(page: str) -> None:
    own = page.replace("127.0.0.1", "localhost")
    async with httpx.AsyncClient(timeout=90) as client:
        for method in ("POST", "PUT", "DELETE"):
            for path in ("/graphql", "/report_asset_materialization/turns"):
                for refused in (
                    {"Origin": EVIL},
                    {"Origin": page},
                    {"Sec-Fetch-Site": "same-site"},
                ):
                    answer = await client.request(method, own + path, headers=refused)
                    assert answer.status_code == 403, refused
                for passed in ({"Origin": own}, {"Sec-Fetch-Site": "same-origin"}, {}):
                    answer = await client.request(method, own + path, headers=passed)
                    assert answer.status_code == 200, passed
        seen = (await client.get(own)).headers
        assert seen["x-frame-options"] == "SAMEORIGIN"
        assert seen["cross-origin-resource-policy"] == "same-origin"
    assert await opens(own, {"Origin": own})
    assert await opens(own, {})
    assert not await opens(own, {"Origin": EVIL})
    assert not await opens(own, {"Origin": "null"})
    assert not await opens(own, {"Host": "evil.example", "Origin": "http://evil.example"})


async def test_a_proxy_that_ends_tls_says_so(page: str) -> None:
    host = {"Host": "dagster.example.org"}
    secure = {**host, "Origin": "https://dagster.example.org"}
    assert await opens(page, {**secure, "X-Forwarded-Proto": "https"})
    assert not await opens(page, secure)


@pytest.mark.e2e
def test_a_page_of_another_origin_in_a_browser_touches_nothing(tmp_path: Path) -> None:
    program("chromium")
    reached: list[str] = []
    with (
        guarded(reached=reached) as url,
        other_origin() as port,
        sync_playwright() as playwright,
        chromium(playwright, tmp_path / "profile") as window,
    ):
        own, other = window.new_page(), window.new_page()
        own.goto(url)
        assert own.evaluate(
            "url => fetch(`${url}/graphql`, {method: 'POST'}).then(a => a.status)", url
        )
        assert own.evaluate(OPENS, url)
        assert {"POST /graphql", "WebSocket"} <= set(reached)
        reached.clear()
        for name in ("localhost", "127.0.0.1"):  # another site; the same one, another port
            other.goto(f"http://{name}:{port}/")
            with other.expect_response(lambda answer: answer.request.method == "POST") as posted:
                assert other.evaluate(ATTACK, url) == ["IMG", "IFRAME"]
            assert posted.value.status == 403
            # By its element: a frame that shows an error has its name a moment later.
            framed = other.locator("[name=framed]").element_handle().content_frame()
            assert framed is not None
            assert "seen" not in framed.content()
            assert not other.evaluate(OPENS, url)
        # The frame was asked for, and not shown.
        assert {"POST /graphql", "GET /graphql", "WebSocket"}.isdisjoint(reached)


async def test_an_account_with_the_scope_is_asked_for(
    start_api: StartApi, engine: AsyncEngine
) -> None:
    api, now = start_api(), [0.0]
    ann = httpx.BasicAuth("ann", PASSWORD)
    with guarded(login=ApiLogin(api.url, clock=lambda: now[0])) as url:
        async with api.client() as client, httpx.AsyncClient(base_url=url, timeout=90) as page:
            await register(client)
            for path in ("/", "/assets/app.js", "/graphql"):
                nobody = await page.get(path)
                assert nobody.status_code == 401
                assert nobody.headers["www-authenticate"].startswith('Basic realm="')
            for wrong in (httpx.BasicAuth("ann", "wrong"), httpx.BasicAuth("nobody", PASSWORD)):
                assert (await page.get("/", auth=wrong)).status_code == 401
            for header in ("Basic", "Basic é", "made up", f"Basic {'a' * 9000}"):
                odd = await page.get("/", headers={"Authorization": header.encode()})
                assert odd.status_code == 401, header
            assert not await opens(url, {})
            lacking = await page.get("/", auth=ann)
            assert (lacking.status_code, "dagster:use" in lacking.text) == (403, True)

            await grant_now(engine, client, ["stats:read", "dagster:use"])
            now[0] += REMEMBER_SECONDS
            assert (await page.get("/", auth=ann)).text == "seen"
            known = (await page.get("/", auth=ann)).request.headers["authorization"]
            assert await opens(url, {"Authorization": known})
            # An answer is remembered for a minute, and no longer.
            await grant_now(engine, client, ["admin"])
            assert (await page.get("/", auth=ann)).status_code == 200
            now[0] += REMEMBER_SECONDS
            assert (await page.get("/", auth=ann)).status_code == 403
            # The supervisor of this machine asks without an account.
            assert (await page.get("/server_info")).status_code == 200
            assert (await page.post("/server_info")).status_code == 401


async def test_a_page_that_asks_for_many_things_asks_the_api_once(
    start_api: StartApi, engine: AsyncEngine
) -> None:
    api = start_api(stats_api_rate_limit="3/minute", password_hash_cost=8)
    async with api.client() as client:
        await register(client)
    await grant(engine, ["dagster:use"])
    now = [0.0]
    with guarded(login=ApiLogin(api.url, clock=lambda: now[0])) as url:
        async with httpx.AsyncClient(
            base_url=url,
            timeout=90,
            auth=("ann", PASSWORD),
            limits=httpx.Limits(max_connections=20),
        ) as page:
            found = await asyncio.gather(*(page.get("/") for _ in range(20)))
            assert {answer.status_code for answer in found} == {200}
            for _ in range(2):
                now[0] += REMEMBER_SECONDS
                assert (await page.get("/")).status_code == 200
            now[0] += REMEMBER_SECONDS
            limited = await page.get("/")
            assert limited.status_code == 503
            assert 1 <= int(limited.headers["retry-after"]) <= 60


def test_without_the_api_every_login_is_refused() -> None:
    with guarded(login=ApiLogin(NOWHERE)) as url:
        answer = httpx.get(url, auth=("ann", PASSWORD), timeout=90)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    ("given", "asks"),
    [
        ({}, False),
        ({"dagster_bind_host": "::1"}, False),
        ({"dagster_bind_host": EVERYWHERE}, True),
        ({"dagster_bind_host": "::"}, True),
        ({"dagster_bind_host": "192.0.2.1"}, True),
        ({"dagster_bind_host": EVERYWHERE, "dagster_login": False}, False),
        ({"dagster_login": True}, True),
    ],
)
def test_a_login_is_on_by_default_beyond_loopback(given: dict[str, object], *, asks: bool) -> None:
    settings = DagsterSettings.model_validate({"dagster_database_url": "postgresql://a/b", **given})
    assert settings.asks_for_login is asks


def test_names_of_the_page() -> None:
    needed = {"dagster_database_url": "postgresql://a/b"}
    settings = DagsterSettings.model_validate(
        {
            **needed,
            "dagster_bind_host": "192.0.2.1",
            "dagster_hosts": "Dagster.example.org, [2001:db8::1]",
        }
    )
    assert settings.page_hosts == {"192.0.2.1", "dagster.example.org", "2001:db8::1"}
    for wrong in ("https://a.example", "a.example:3000", "a.example/path", "*"):
        with pytest.raises(ValueError, match="is not a name"):
            DagsterSettings.model_validate({**needed, "dagster_hosts": wrong})
