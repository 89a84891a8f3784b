from __future__ import annotations

import asyncio
import gzip
import http.client
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.http.static_files import PAGES
from tests.api.running import PROJECT, StartApi

PAGES_FILE = "dashboards/web/src/app/pages.ts"

PAGE = "<!doctype html><title>Dialytics</title>"
SCRIPT = "console.log('a page')"


@pytest.fixture
async def browser(start_api: StartApi, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text(PAGE)
    (dist / "assets" / "app-1a2b.js").write_text(SCRIPT)
    (dist / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (dist / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("outside")
    (dist / "link.txt").symlink_to(tmp_path / "secret.txt")
    async with start_api(web_dist=dist).client() as client:
        yield client


async def test_pages_are_asked_for_anew_and_assets_never_again(
    browser: httpx.AsyncClient,
) -> None:
    for path in ("/", "/index.html", "/people", "/models/some/deep"):
        page = await browser.get(path)
        assert page.text == PAGE
        assert page.headers["cache-control"] == "no-cache"
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["content-security-policy"]
    script = await browser.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "identity"})
    assert script.text == SCRIPT
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "javascript" in script.headers["content-type"]


async def test_compressed_assets_are_sent_to_who_takes_them(browser: httpx.AsyncClient) -> None:
    script = await browser.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "br;q=1, gzip"})
    assert script.headers["content-encoding"] == "gzip"
    assert script.text == SCRIPT
    assert "Accept-Encoding" in script.headers["vary"]


async def test_an_unchanged_page_is_304(browser: httpx.AsyncClient) -> None:
    tag = (await browser.get("/")).headers["etag"]
    again = await browser.get("/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


async def test_no_path_leaves_the_directory(browser: httpx.AsyncClient) -> None:
    for path in (
        "/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/link.txt",
        "//etc/passwd.txt", "/assets/%00.js", "/..%5csecret.txt", "/app.js.map",
    ):  # fmt: skip
        answer = await browser.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/assets", "/assets/", "/assets/gone-9f8e", "/assets/a/b"])
async def test_a_missing_asset_is_never_the_page(browser: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "HEAD"):
        answer = await browser.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("use", ["script", "style", "image", "font", "worker", "manifest"])
async def test_a_page_never_stands_in_for_a_script_or_a_style(
    browser: httpx.AsyncClient, use: str
) -> None:
    for path in ("/people", "/users", "/models/some/deep"):
        answer = await browser.get(path, headers={"Sec-Fetch-Dest": use})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    script = await browser.get("/assets/app-1a2b.js", headers={"Sec-Fetch-Dest": use})
    assert script.text == SCRIPT


async def test_an_asset_that_a_new_build_removed_is_404(
    browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    for file in (tmp_path / "dist" / "assets").iterdir():
        file.unlink()
    for coding in ("gzip", "identity"):
        answer = await browser.get("/assets/app-1a2b.js", headers={"Accept-Encoding": coding})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def verbatim(client: httpx.AsyncClient, method: str, path: str) -> tuple[int, str | None]:
    """Status and media type of a path that httpx would tidy before it asks."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=90)
    connection.request(method, path)
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.getheader("content-type")


async def test_paths_of_the_api_are_never_pages(browser: httpx.AsyncClient) -> None:
    for path in (
        "/api", "/api/v2/stats", "/api/v1/stats/", "/api/v1/nothing", "/apis", "//",
        "//api/v1/stats", "///api/v1/stats", "/API/v1/stats", "/Api", "/x//api",
        "/x/../api/v1/stats", "/./api/v1/stats", "/x/%2e%2e/api/v1/stats", "/%5Capi/v1/stats",
        "/metricsx", "/Metrics", "/metrics/", "/metrics/x", "/healthz", "/HEALTH", "/health/",
        "//health", "/readyz", "/ready/", "/docsx", "/docs/", "/DOCS", "/openapi",
        "/openapi.json/", "/redoc",
    ):  # fmt: skip
        for method in ("GET", "HEAD"):
            answer = await asyncio.to_thread(verbatim, browser, method, path)
            assert answer == (404, "application/json"), (method, path)


async def test_an_address_that_is_no_page_is_404_as_a_page(browser: httpx.AsyncClient) -> None:
    for path in ("/people", "/people/", "/people/4/2", "/models/some/deep", "/usersx"):
        page = await browser.get(path)
        assert (page.status_code, page.text) == (404, PAGE)
        tag = {"If-None-Match": page.headers["etag"]}
        assert (await browser.get(path, headers=tag)).status_code == 404
    for path in (
        *("/", "/users", "/users/", "/dialogs?period=day", "/index.html"),
        *("/people/42", "/dialogs/5f0c/"),
    ):
        assert (await browser.get(path)).status_code == 200, path


def test_the_pages_are_those_of_the_dashboard() -> None:
    listed = re.findall(r"path: '/(.*?)'", (PROJECT / PAGES_FILE).read_text())
    assert frozenset(listed) == PAGES


async def test_post_is_not_answered(browser: httpx.AsyncClient) -> None:
    refused = await browser.post("/")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_a_coding_of_weight_zero_is_refused(browser: httpx.AsyncClient) -> None:
    for accepted in ("gzip;q=0", "gzip; q=0.0, *", "br", "*;q=0"):
        script = await browser.get("/assets/app-1a2b.js", headers={"Accept-Encoding": accepted})
        assert "content-encoding" not in script.headers, accepted
    script = await browser.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "*"})
    assert script.headers["content-encoding"] == "gzip"
    assert script.text == SCRIPT


async def test_without_a_build_the_page_says_how_to_make_one(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 503
    assert "make web" in page.text
    assert (await client.get("/docs")).status_code == 200
