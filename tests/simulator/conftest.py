"""Plain HTTP clients for what a client library would hide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession

from simulator.app import Simulator

Call = Callable[..., Awaitable[dict[str, Any]]]


async def until_polled(simulator: Simulator) -> None:
    """Until a getUpdates is under way."""
    await simulator.wait_until(lambda: simulator.counters.methods.get("getupdates"))
    # A counted poll is waiting before anything else happens in this loop.
    await asyncio.sleep(0.05)


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
def call(simulator: Simulator, http: ClientSession) -> Call:
    """Calls a Bot API method with a JSON body and returns the whole answer."""

    async def call_method(method: str, **parameters: object) -> dict[str, Any]:
        url = f"{simulator.url}/bot{simulator.token}/{method}"
        async with http.post(url, json=parameters) as response:
            answer: dict[str, Any] = await response.json()
            assert answer.get("error_code", 200) == response.status
            return answer

    return call_method
