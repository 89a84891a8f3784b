from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.running import StartApi

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


async def test_paths_of_the_api_are_never_pages(browser: httpx.AsyncClient) -> None:
    for path in ("/api", "/api/v2/stats", "/api/v1/stats/"):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/json"


async def test_head_is_answered_and_post_is_not(browser: httpx.AsyncClient) -> None:
    assert (await browser.head("/")).status_code == 200
    assert (await browser.post("/")).status_code == 405


async def test_without_a_build_the_page_says_how_to_make_one(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 503
    assert "make web" in page.text
    assert (await client.get("/docs")).status_code == 200
