"""Readiness probes of the programs: small, synchronous; True or False, never an exception."""

from __future__ import annotations

import asyncio
import random
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import asyncpg

Probe = Callable[[], bool]
SECONDS = 3.0
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def answers(url: str) -> Probe:
    """HTTP 200 from `url`."""

    def probe() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=SECONDS) as response:  # noqa: S310 # own URL
                return bool(response.status == 200)  # noqa: PLR2004
        except (OSError, urllib.error.URLError, ValueError):
            return False

    return probe


def listens(host: str, port: int) -> Probe:
    """A TCP connection to `host:port` is accepted."""

    def probe() -> bool:
        try:
            with socket.create_connection((host, port), timeout=SECONDS):
                return True
        except OSError:
            return False

    return probe


def postgres_answers(url: str) -> Probe:
    """A connection is accepted."""

    async def connect() -> None:
        connection = await asyncpg.connect(url, timeout=SECONDS)
        await connection.close()

    def probe() -> bool:
        try:
            asyncio.run(connect())
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        return True

    return probe


def is_free(host: str, port: int) -> bool:
    """Whether this process could listen on `host:port` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Different free ports of 127.0.0.1, reserved for this process.

    They are below the kernel's ephemeral ports, so that no connection takes one before its
    program listens, or while it restarts. An abstract socket reserves each until this process
    ends: another process that calls this function gets other ports.
    """
    candidates, chance = _below_the_kernels_own(), random.SystemRandom()
    found: list[int] = []
    while len(found) < count:
        port = chance.choice(candidates)
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0dialytics-port-{port}")
        except OSError:
            mark.close()
            continue
        if is_free("127.0.0.1", port):
            found.append(port)
            mark.detach()  # stays open to the end of this process
        else:
            mark.close()
    return found


def _below_the_kernels_own() -> range:
    try:
        first = int(EPHEMERAL.read_text(encoding="ascii").split()[0])
    except OSError:
        first = 32_768
    return range(10_000, first) or range(10_000, 61_000)
