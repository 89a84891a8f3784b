"""The client's address behind trusted proxies, and access to /metrics.

Independent of a web framework: takes the peer's address and the headers as pairs.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from pydantic import SecretStr

Address = IPv4Address | IPv6Address
Headers = Iterable[tuple[str, str]]

FORWARDED_FOR = "x-forwarded-for"
# Headers set by proxies; the client's address in them is not used.
SIGNS_OF_A_PROXY = frozenset({"forwarded", "via", "x-real-ip"})
# Some proxies append the port, and put IPv6 addresses in brackets.
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](?::\d+)?|(?P<four>[\d.]+):\d+")


def client_address(peer: str, headers: Headers, *, trusted_hops: int) -> Address | None:
    """The client's address; None if the proxies do not state it.

    Each proxy appends the address it saw: with n trusted proxies, the n-th entry from the right was
    written by the outermost of them. Entries to its left are set by the client.

    Args:
        peer: address of the connection.
        headers: of the request.
        trusted_hops: number of trusted proxies; 0: the peer is the client.
    """
    if not trusted_hops:
        return _address(peer)
    entries = [
        entry
        for name, value in headers
        if name.lower() == FORWARDED_FOR
        for entry in value.split(",")
    ]
    return _address(entries[-trusted_hops]) if len(entries) >= trusted_hops else None


def may_read_metrics(
    peer: str, headers: Headers, *, token: SecretStr | None, trusted_hops: int = 0
) -> bool:
    """Whether the request comes from this machine or has the bearer token."""
    pairs = [(name.lower(), value) for name, value in headers]
    if token is not None:
        expected = f"Bearer {token.get_secret_value()}".encode()
        given = next((value for name, value in pairs if name == "authorization"), "")
        # Compared as bytes: compare_digest raises on non-ASCII strings.
        if hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected):
            return True
    if any(name in SIGNS_OF_A_PROXY or name.startswith("x-forwarded") for name, _ in pairs):
        # With a proxy on this machine, every peer would be local.
        address = client_address(peer, pairs, trusted_hops=trusted_hops) if trusted_hops else None
    else:
        address = _address(peer)
    return address is not None and address.is_loopback


def _address(text: str) -> Address | None:
    text = text.strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found["six"] or found["four"]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
