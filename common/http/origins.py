"""Tells requests that another site's page makes a browser send from own pages and scripts.

Knows no web framework: takes the headers as ASGI gives them.
"""

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
    """Whether a page of another origin, which is not `allowed`, makes this request.

    With an `Origin`, it must be the request's own or allowed. Without one, a browser's
    `Sec-Fetch-Site` must say that no other site is behind it. Scripts send neither.

    Args:
        headers: names in lower case.
        scheme: `http` or `https`, as this process is asked.
        allowed: origins such as `https://example.org`, or `*`.
        behind_proxy: a proxy of ours says in X-Forwarded-Host and -Proto what the browser asked.
            A page cannot set them without a preflight, which is refused.
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
        # The browser compared schemes itself, which a proxy that ends TLS hides from this process.
        schemes = [*DEFAULT_PORTS]
    own = [_address(f"{one}://{host}") for one in schemes for host in hosts]
    return any(
        origin not in allowed and (_address(origin) is None or _address(origin) not in own)
        for origin in origins
    )


def hostname_of(host: str) -> str | None:
    """The name or address in a Host header, without its port; None when it is not one."""
    address = _address(f"http://{host}")
    return address[1] if address else None


def _listed(values: list[str]) -> list[str]:
    return [entry.strip() for value in values for entry in value.split(",")]


def _address(origin: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin; None when it is not one."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:  # a port that is no number, brackets that hold no address
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return None
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme]
