"""Where a service listens, and who reaches it there."""

from __future__ import annotations

import ipaddress

from common.log import get_logger

log = get_logger(__name__)


def is_loopback(host: str) -> bool:
    """Whether only this machine, or this container, reaches what listens on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def is_every_address(host: str) -> bool:
    """Whether `host` stands for all addresses of this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
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


def url_of(host: str, port: int) -> str:
    """The address at which this machine reaches what listens on `host`."""
    if is_every_address(host):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host and "[" not in host else f"http://{host}:{port}"
