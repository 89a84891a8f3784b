"""/health, /ready and /metrics of the bot."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import AsyncExitStack

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from bot.app import App
from common.postgres import Sessions
from common.settings import DatabaseSettings
from common.version import VERSION
from embedded.postgres import EmbeddedPostgres
from simulator.app import Simulator
from simulator.telegram.faults import TelegramFault
from tests.bot.conftest import MODEL, Start, World, make_settings
from tests.bot.constants import WEBHOOK_SECRET, WEBHOOK_URL
from tests.bot.requests import get, post, text_update
from tests.running import eventually


async def test_health_ready_and_metrics_answer(world: World):
    await world.ask("hello")
    await world.settled()

    status, body = await get(world, "/health")
    health = json.loads(body)
    assert status == 200
    assert health["status"] == "healthy"
    assert health["version"] == VERSION
    assert health["database"] == "connected"
    assert health["rate_limiter"] == "active"
    assert health["uptime_seconds"] > 0
    assert (await get(world, "/ready"))[0] == 200
    _, metrics = await get(world, "/metrics")
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }
    model = (("model", MODEL),)
    assert samples["llm_requests_total", model] == 1
    assert samples["llm_request_duration_seconds_count", (*model, ("status", "success"))] == 1
    assert samples["telegram_messages_received_total", ()] == 1
    assert samples["telegram_messages_sent_total", ()] == 1
    assert samples["bot_inbox_depth", ()] == 0
    assert ("llm_fallback_used_total", ()) in samples


async def test_while_telegram_is_unavailable_health_works_and_ready_says_why(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
):
    away = simulator.telegram.faults.add(
        TelegramFault(kind="error", method="getMe", status=502, description="Bad Gateway")
    )
    app = App(
        make_settings(
            simulator,
            database,
            telegram_webhook_url=WEBHOOK_URL,
            telegram_webhook_secret=WEBHOOK_SECRET,
        )
    )
    world = World(app, simulator, sessions)
    async with AsyncExitStack() as stack:
        starting = asyncio.ensure_future(stack.enter_async_context(app.running()))
        await world.until(lambda: simulator.counters.methods.get("getme", 0) > 1)

        assert (await get(world, "/health"))[0] == 200
        assert await get(world, "/ready") == (503, '{"ready": false, "waiting_for": "telegram"}')
        assert (await get(world, "/metrics"))[0] == 200
        assert await post(world, text_update(1)) == 503
        simulator.telegram.faults.remove(away)

        await asyncio.wait_for(starting, 90)
        assert await get(world, "/ready") == (200, '{"ready": true}')
        assert await post(world, text_update(1)) == 200
        simulator.account.webhook.url = ""


async def test_a_bot_that_starts_while_postgresql_is_frozen_waits_for_it(
    simulator: Simulator,
    database: DatabaseSettings,
    sessions: Sessions,
    postgres_server: EmbeddedPostgres,
):
    postmaster = int((postgres_server.directory / "data" / "postmaster.pid").read_text().split()[0])
    app = App(make_settings(simulator, database))
    world = World(app, simulator, sessions)
    async with AsyncExitStack() as stack:
        os.kill(postmaster, signal.SIGSTOP)
        try:
            starting = asyncio.ensure_future(stack.enter_async_context(app.running()))
            await eventually(lambda: is_listening(app))
            waits = (503, '{"ready": false, "waiting_for": "database"}')
            assert await get(world, "/ready") == waits
            assert not starting.done()
        finally:
            os.kill(postmaster, signal.SIGCONT)
        await asyncio.wait_for(starting, 90)
        assert await get(world, "/ready") == (200, '{"ready": true}')


async def is_listening(app: App) -> bool:
    return hasattr(app, "port")


async def test_the_bot_is_not_ready_before_telegram_has_accepted_its_webhook(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
):
    away = simulator.telegram.faults.add(
        TelegramFault(kind="error", method="setWebhook", status=502, description="Bad Gateway")
    )
    app = App(
        make_settings(
            simulator,
            database,
            telegram_webhook_url=WEBHOOK_URL,
            telegram_webhook_secret=WEBHOOK_SECRET,
        )
    )
    world = World(app, simulator, sessions)
    async with AsyncExitStack() as stack:
        starting = asyncio.ensure_future(stack.enter_async_context(app.running()))
        await world.until(lambda: simulator.counters.methods.get("setwebhook", 0) > 1)

        assert await get(world, "/ready") == (503, '{"ready": false, "waiting_for": "telegram"}')
        simulator.telegram.faults.remove(away)

        await asyncio.wait_for(starting, 90)
        assert await get(world, "/ready") == (200, '{"ready": true}')
        simulator.account.webhook.url = ""


async def test_metrics_need_the_local_machine_or_the_token(start: Start):
    world = await start(metrics_token="a-token-for-metrics")
    proxied = {"X-Forwarded-For": "8.8.8.8"}
    async with aiohttp.ClientSession() as session:
        for headers, expected in (
            ({}, 200),
            (proxied, 403),
            (proxied | {"Authorization": "Bearer a-token-for-metrics"}, 200),
            (proxied | {"Authorization": "Bearer wrong"}, 403),
        ):
            async with session.get(f"{world.url}/metrics", headers=headers) as answer:
                assert answer.status == expected


async def test_metrics_work_while_postgresql_hangs(start: Start, sessions: Sessions):
    world = await start()
    async with sessions() as session, aiohttp.ClientSession() as client:
        await session.execute(text("LOCK TABLE updates IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        async with client.get(f"{world.url}/metrics") as answer:
            assert answer.status == 200
            assert "bot_inbox_depth" in await answer.text()
        assert time.monotonic() - began < 10
        await session.rollback()


async def test_health_checks_the_model_if_configured(start: Start):
    world = await start(health_checks_llm=True)
    health = json.loads((await get(world, "/health"))[1])
    assert health["llm"] == "reachable"
