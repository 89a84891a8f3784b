"""Webhook deliveries: the secret, repeats until 2xx, and their order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from simulator.app import Simulator
from simulator.telegram.faults import DeliveryFaults

Call = Callable[..., Awaitable[dict[str, Any]]]


@dataclass
class Receiver:
    """A bot's webhook with configurable responses."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    """Status of the next responses; 200 if empty."""
    texts: list[str] = field(default_factory=list)
    secrets: list[str | None] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        update = await request.json()
        self.texts.append(update["message"]["text"])
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


async def test_an_update_is_delivered_with_the_secret(
    simulator: Simulator, call: Call, receiver: Receiver
) -> None:
    await call("setWebhook", url=receiver.url, secret_token="s-1")
    simulator.account.send_text("hello")
    await simulator.wait_until(lambda: simulator.counters.updates_confirmed == 1)
    assert (receiver.texts, receiver.secrets) == (["hello"], ["s-1"])
    assert (await call("getWebhookInfo"))["result"]["pending_update_count"] == 0


async def test_a_refused_update_is_delivered_again_before_the_next(
    simulator: Simulator, call: Call, receiver: Receiver
) -> None:
    receiver.statuses = [500, 404]
    simulator.account.send_text("first")
    simulator.account.send_text("second")
    await call("setWebhook", url=receiver.url)
    await simulator.wait_until(lambda: simulator.counters.updates_confirmed == 2)
    assert receiver.texts == ["first", "first", "first", "second"]
    info = (await call("getWebhookInfo"))["result"]
    assert info["last_error_message"].startswith("Wrong response from the webhook: 404")


async def test_deliveries_repeat_when_asked_for(
    simulator: Simulator, call: Call, receiver: Receiver
) -> None:
    simulator.telegram.deliveries = DeliveryFaults(repeat=1.0)
    await call("setWebhook", url=receiver.url)
    simulator.account.send_text("hello")
    await simulator.wait_until(lambda: simulator.counters.updates_delivered == 2)
    assert receiver.texts == ["hello", "hello"]


async def test_an_unreachable_webhook_keeps_the_update(simulator: Simulator, call: Call) -> None:
    await call("setWebhook", url="http://127.0.0.1:9/hook")
    simulator.account.send_text("hello")
    await simulator.wait_until(lambda: simulator.counters.webhook_failures >= 2)
    await call("deleteWebhook")
    assert len((await call("getUpdates"))["result"]) == 1
