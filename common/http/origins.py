"""Detects cross-origin requests, against CSRF. Takes headers in ASGI's format."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ANY_ORIGIN = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}


def is_cross_origin(
    headers: Iterable[tuple[bytes, bytes]],
    *,
    scheme: str,
    allowed: Collection[str] = (),
    behind_proxy: bool = False,
) -> bool:
    """Whether the request was sent by a page of another origin that is not `allowed`.

    An `Origin` must be the request's own or an allowed one. Without it, `Sec-Fetch-Site` must be
    `none` or `same-origin`. Scripts send neither header.

    Args:
        headers: names in lower case.
        scheme: of the request to this process, `http` or `https`.
        allowed: origins such as `https://example.org`, or `*`.
        behind_proxy: a trusted proxy sets X-Forwarded-Host and X-Forwarded-Proto. A page cannot
            set them without a preflight, which is refused.
    """
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1").strip())
    site = values.get("sec-fetch-site", [])
    origins = values.get("origin")
    if origins is None:
        return any(value not in {"none", "same-origin"} for value in site)
    if ANY_ORIGIN in allowed:
        return False
    hosts, schemes = values.get("host", []), [scheme]
    if behind_proxy:
        hosts += _listed(values.get("x-forwarded-host", []))
        schemes = _listed(values.get("x-forwarded-proto", [])) or schemes
    if site == ["same-origin"]:
        # The browser has compared the schemes; behind a TLS proxy this process sees only http.
        schemes = [*DEFAULT_PORTS]
    own = [_address(f"{one}://{host}") for one in schemes for host in hosts]
    return any(
        origin not in allowed and (_address(origin) is None or _address(origin) not in own)
        for origin in origins
    )


def hostname_of(host: str) -> str | None:
    """The name or address in a Host header, without its port; None if it is invalid."""
    address = _address(f"http://{host}")
    return address[1] if address else None


def _listed(values: list[str]) -> list[str]:
    return [entry.strip() for value in values for entry in value.split(",")]


def _address(origin: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin; None if it is invalid."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:  # a port that is not a number, brackets without an address
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return None
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme]
