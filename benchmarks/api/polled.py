"""Pages that ask for the same again and again while snapshots appear."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from benchmarks.api.http_load import ApiLoad, HttpRequest, closed_loop
from benchmarks.api.server import PATH

PAGES = ("?period=month", "?period=month&tz=Asia/Kathmandu")
COUNTED = re.compile(rb'^stats_api_requests_total\{.*outcome="(\w+)".*\} (\S+)$', re.MULTILINE)
MEMORY = re.compile(rb"^process_resident_memory_bytes (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Polling:
    """How often pages ask, and how often a snapshot appears."""

    seconds: float = 600.0
    poll_seconds: float = 10.0
    publish_seconds: float = 5.0


@dataclass(frozen=True)
class Polled:
    """The result for pages that poll."""

    load: ApiLoad
    cold: float
    """Share of the answers that were not cached."""
    builds: int
    memory_mib: int


async def poll(
    url: str,
    headers: tuple[tuple[str, str], ...],
    another_build: Callable[[], object],
    polling: Polling,
) -> Polled:
    """Ask for each page at its turn of every period. Their first answers are not counted."""
    pages = [HttpRequest(url + PATH + page, headers) for page in PAGES]
    for page in pages:
        await closed_loop(page, clients=1, most=1)
    before = _outcomes(url)
    load = ApiLoad()
    begun = time.perf_counter()
    until = begun + polling.seconds
    publishing = asyncio.create_task(_publish(another_build, polling.publish_seconds, until=until))
    offsets = [polling.poll_seconds * place / len(pages) for place in range(len(pages))]
    await asyncio.gather(
        *(
            _ask(page, load, begin=begun + offset, every=polling.poll_seconds, until=until)
            for page, offset in zip(pages, offsets, strict=True)
        )
    )
    builds = await publishing
    load.seconds = time.perf_counter() - begun
    after = _outcomes(url)
    computed = after.get("computed", 0) - before.get("computed", 0)
    answers = sum(after.values()) - sum(before.values())
    return Polled(load, computed / answers, builds, _memory_mib(url))


async def _ask(
    page: HttpRequest, load: ApiLoad, *, begin: float, every: float, until: float
) -> None:
    while begin < until:
        await asyncio.sleep(begin - time.perf_counter())
        one = await closed_loop(page, clients=1, most=1)
        load.latencies += one.latencies
        load.errors += one.errors
        begin += every


async def _publish(another_build: Callable[[], object], every: float, *, until: float) -> int:
    builds = 0
    while (begun := time.perf_counter()) < until:
        await asyncio.to_thread(another_build)
        builds += 1
        await asyncio.sleep(begun + every - time.perf_counter())
    return builds


def _outcomes(url: str) -> dict[str, float]:
    """Answers of the stats routes by what they took, as the API counts them."""
    found: dict[str, float] = {}
    for outcome, value in COUNTED.findall(httpx.get(f"{url}/metrics").content):
        found[outcome.decode()] = found.get(outcome.decode(), 0) + float(value)
    return found


def _memory_mib(url: str) -> int:
    [size] = MEMORY.findall(httpx.get(f"{url}/metrics").content)
    return round(float(size) / (1 << 20))
