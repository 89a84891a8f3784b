"""Listening addresses, and which of them other machines reach."""

from __future__ import annotations

import ipaddress

from common.log import get_logger

log = get_logger(__name__)


def is_loopback(host: str) -> bool:
    """Whether `host` is reachable only from this machine or container."""
    try:
        return _address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def is_every_address(host: str) -> bool:
    """Whether `host` means all addresses of this machine."""
    try:
        return _address(host).is_unspecified
    except ValueError:
        return not host


def warn_if_open(setting: str, host: str, *, opens: str) -> None:
    """Log a warning if other machines can reach `host`.

    Args:
        setting: name of the setting with `host`.
        host: the listening address.
        opens: what clients can do there.
    """
    if not is_loopback(host):
        log.warning("listens_beyond_this_machine", setting=setting, host=host, opens=opens)


def reached_at(host: str) -> str:
    """The address by which this machine reaches a server listening on `host`."""
    if not is_every_address(host):
        return host
    return "::1" if ":" in host else "127.0.0.1"


def url_of(host: str, port: int) -> str:
    """The same as a base URL."""
    reached = reached_at(host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address; an IPv4-mapped one (`::ffff:127.0.0.1`) as IPv4."""
    address = ipaddress.ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address
