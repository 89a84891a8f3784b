"""Which requests a page of another origin makes."""

from __future__ import annotations

import pytest

from common.http.origins import is_cross_origin

HOST = "stats.example.org"
ALLOWED = ("https://pages.example.org",)


def verdict(
    *headers: tuple[str, str], allowed: tuple[str, ...] = ALLOWED, behind_proxy: bool = False
) -> bool:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    if not any(name == "host" for name, _ in headers):
        raw.append((b"host", HOST.encode()))
    return is_cross_origin(raw, scheme="http", allowed=allowed, behind_proxy=behind_proxy)


@pytest.mark.parametrize(
    "headers",
    [
        [],  # a script
        [("origin", f"http://{HOST}")],
        [("origin", f"http://{HOST}"), ("sec-fetch-site", "same-origin")],
        [("origin", f"http://{HOST}"), ("host", f"{HOST.upper()}:80")],
        # TLS ends at a proxy without forwarding headers; the browser has compared the schemes.
        [("origin", f"https://{HOST}"), ("sec-fetch-site", "same-origin")],
        [("origin", "http://[::1]:8000"), ("host", "[::1]:8000")],
        [("origin", "https://pages.example.org"), ("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "none")],
        [("sec-fetch-site", "same-origin")],
    ],
)
def test_scripts_own_pages_and_named_origins_pass(headers: list[tuple[str, str]]) -> None:
    assert not verdict(*headers)


@pytest.mark.parametrize(
    "headers",
    [
        [("origin", "null")],
        [("origin", "")],
        [("origin", "https://evil.example")],
        [("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        [("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")],
        [("origin", f"https://{HOST}")],  # of another scheme
        [("origin", f"https://{HOST}"), ("x-forwarded-proto", "https")],
        [("origin", f"http://{HOST}:8080")],
        [("origin", f"http://{HOST}.evil.example")],
        [("origin", f"http://evil{HOST}")],
        [("origin", f"http://{HOST}@evil.example")],
        [("origin", f"http://evil@{HOST}")],
        [("origin", f"http://{HOST}/evil")],
        [("origin", f"http://{HOST}:port")],
        [("origin", f"file://{HOST}")],
        [("origin", f"http://{HOST}"), ("origin", "https://evil.example")],
        [("origin", f"http://{HOST}, https://evil.example")],
        [("origin", "http://pages.example.org")],
        [("origin", "https://pages.example.org:8443")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "made up")],
    ],
)
def test_pages_of_other_origins_do_not(headers: list[tuple[str, str]]) -> None:
    assert verdict(*headers)


def test_a_proxy_of_ours_says_what_the_browser_asked() -> None:
    named = (
        ("host", "api:8000"),
        ("x-forwarded-host", HOST),
        ("x-forwarded-proto", "https"),
    )
    assert not verdict(("origin", f"https://{HOST}"), *named, behind_proxy=True)
    assert verdict(("origin", f"http://{HOST}"), *named, behind_proxy=True)
    assert verdict(("origin", "https://evil.example"), *named, behind_proxy=True)


def test_any_origin_passes_where_development_names_it() -> None:
    assert not verdict(("origin", "https://evil.example"), allowed=("*",))
