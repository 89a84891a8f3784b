"""Where an HTTP request comes from, behind how many proxies, and whether it may read /metrics.

Knows no web framework: takes the peer's address and the headers as pairs of texts.
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
# Signs that a proxy sent the request. Some say for whom, in words that nobody here reads.
SIGNS_OF_A_PROXY = frozenset({"forwarded", "via", "x-real-ip"})
# As some proxies write it: with the port, an address of IPv6 then in brackets.
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](?::\d+)?|(?P<four>[\d.]+):\d+")


def client_address(peer: str, headers: Headers, *, trusted_hops: int) -> Address | None:
    """The client's address; None when the proxies do not say it.

    Each proxy appends the address it saw, so with n proxies of ours the n-th entry from the right
    was written by the outermost of them; everything left of it is the client's own claim.

    Args:
        peer: address of the connection.
        headers: of the request.
        trusted_hops: proxies of ours in front; 0: the peer is the client.
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
    """This machine may, and whoever presents the token as a bearer token."""
    pairs = [(name.lower(), value) for name, value in headers]
    if token is not None:
        expected = f"Bearer {token.get_secret_value()}".encode()
        given = next((value for name, value in pairs if name == "authorization"), "")
        # As bytes: a comparison of strings refuses other alphabets with an exception.
        if hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected):
            return True
    if any(name in SIGNS_OF_A_PROXY or name.startswith("x-forwarded") for name, _ in pairs):
        # A proxy on this machine would make the whole world local.
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
