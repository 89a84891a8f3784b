"""Where a service listens, and who reaches it there."""

from __future__ import annotations

import ipaddress

from common.log import get_logger

log = get_logger(__name__)


def is_loopback(host: str) -> bool:
    """Whether only this machine, or this container, reaches what listens on `host`."""
    try:
        return _address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def is_every_address(host: str) -> bool:
    """Whether `host` stands for all addresses of this machine."""
    try:
        return _address(host).is_unspecified
    except ValueError:
        return not host


def warn_if_open(setting: str, host: str, *, opens: str) -> None:
    """One line in the log when other machines reach what listens there.

    Args:
        setting: the one that names `host`.
        host: where it listens.
        opens: what whoever reaches it can do.
    """
    if not is_loopback(host):
        log.warning("listens_beyond_this_machine", setting=setting, host=host, opens=opens)


def reached_at(host: str) -> str:
    """The address at which this machine reaches what listens on `host`."""
    if not is_every_address(host):
        return host
    return "::1" if ":" in host else "127.0.0.1"


def url_of(host: str, port: int) -> str:
    """The same, as the beginning of a URL."""
    reached = reached_at(host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address where IPv6 only wraps one, as in `::ffff:127.0.0.1`."""
    address = ipaddress.ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address
