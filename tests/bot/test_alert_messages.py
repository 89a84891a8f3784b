"""Messages about alerts: each arrives at most once, in chats and at webhooks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from bot.operator.webhooks import WebhookSender, is_public
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from tests.bot.constants import GROUP_ID
from tests.conftest import PROJECT
from tests.running import eventually

CHAT = -GROUP_ID
# The sender as the bot runs it, in a process of its own.
SENDER = """
import asyncio, sys
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from sqlalchemy.ext.asyncio import async_sessionmaker
from bot.metrics import BotMetrics
from bot.operator.notifier import OperatorNotifier
from bot.telegram.send_limits import SendRateLimiter
from bot.telegram.sender import MessageSender
from common.postgres import create_engine
from common.settings import DatabaseSettings

async def main():
    settings = DatabaseSettings.model_validate({"database_url": sys.argv[1]})
    sessions = async_sessionmaker(create_engine(settings, application_name="sender"))
    session = AiohttpSession(api=TelegramAPIServer.from_base(sys.argv[2]))
    limits = SendRateLimiter(per_second=100, chat_interval_seconds=0, group_per_minute=100)
    sender = MessageSender(
        Bot("7:token", session=session), rate_limiter=limits, metrics=BotMetrics(), refusals=None
    )
    mail = OperatorNotifier(
        None, sessions=sessions, sender=sender, translate=str, resend_seconds=0, poll_seconds=0.05
    )
    print("ready", flush=True)
    await mail.run()

asyncio.run(main())
"""


@dataclass
class Receiver:
    """Telegram's or a webhook's side: counts what arrives, and answers as it is told to."""

    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    is_silent: bool = False
    """It takes the message and never answers."""
    statuses: list[int] = field(default_factory=list)
    """The statuses of the next answers; then 200."""
    requests: list[tuple[dict[str, str], Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        raw = await request.text()
        body = json.loads(raw) if "json" in request.content_type else raw
        self.requests.append((dict(request.headers), body))
        self.arrived.set()
        if self.is_silent:
            await asyncio.sleep(60)
        message = {"message_id": 1, "date": 0, "chat": {"id": CHAT, "type": "supergroup"}}
        status = self.statuses.pop(0) if self.statuses else 200
        return web.json_response({"ok": True, "result": message}, status=status)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()


async def write(sessions: Sessions, key: str, channel: str, **payload: Any) -> None:
    async with transaction(sessions) as session:
        await session.execute(
            text(
                "INSERT INTO outbox (key, channel, resends, payload)"
                " VALUES (:key, :channel, false, CAST(:payload AS jsonb))"
            ),
            {"key": key, "channel": channel, "payload": json.dumps({"text": "x", **payload})},
        )


async def outbox(sessions: Sessions) -> list[Any]:
    async with sessions() as session:
        rows = await session.execute(
            text("SELECT attempts, sent_at IS NOT NULL, problem FROM outbox ORDER BY id")
        )
        return [tuple(row) for row in rows]


@asynccontextmanager
async def sender_process(
    database: DatabaseSettings, telegram: Receiver
) -> AsyncIterator[asyncio.subprocess.Process]:
    url = database.database_url.get_secret_value()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SENDER, url, telegram.url,
        cwd=PROJECT, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 60) == b"ready\n"
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_a_sender_that_is_killed_while_telegram_answers_never_sends_twice(
    database: DatabaseSettings, sessions: Sessions
) -> None:
    async with receiving() as telegram:
        telegram.is_silent = True
        await write(sessions, "alert 1 0", "chat", chat_id=CHAT)
        async with sender_process(database, telegram) as process:
            await asyncio.wait_for(telegram.arrived.wait(), 60)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        telegram.is_silent = False
        telegram.arrived.clear()
        # The next one sends what was written since, and leaves alone what may have arrived.
        await write(sessions, "alert 2 0", "chat", chat_id=CHAT)
        async with sender_process(database, telegram):
            await asyncio.wait_for(telegram.arrived.wait(), 60)

            async def is_confirmed() -> bool:
                return bool((await outbox(sessions))[1][1])

            await eventually(is_confirmed)
        assert len(telegram.requests) == 2
        assert await outbox(sessions) == [(1, False, None), (1, True, None)]


def webhooks(sessions: Sessions, **more: Any) -> WebhookSender:
    return WebhookSender(sessions=sessions, **{"allows_internal": True, "retry_seconds": 0, **more})


async def test_a_webhook_gets_the_body_once_and_again_only_after_a_refusal(
    sessions: Sessions,
) -> None:
    async with receiving() as receiver:
        receiver.statuses = [503, 429]
        url = f"{receiver.url}/hook?token=abc"
        await write(sessions, "alert 1 0", "webhook", url=url, body={"value": 4})
        sender = webhooks(sessions)
        while await sender.send_one():
            pass
        assert [body for _, body in receiver.requests] == [{"value": 4}] * 3
        headers = receiver.requests[0][0]
        assert headers["Idempotency-Key"] == "alert 1 0"
        assert headers["Host"] == receiver.url.removeprefix("http://")
        assert await outbox(sessions) == [(3, True, None)]


@pytest.mark.parametrize(
    ("statuses", "requests", "problem"),
    [([500] * 9, 5, "answered 500"), ([404], 1, "answered 404"), ([302], 1, "answered 302")],
)
async def test_a_webhook_that_refuses_is_given_up_with_the_reason(
    statuses: list[int], requests: int, problem: str, sessions: Sessions
) -> None:
    async with receiving() as receiver:
        receiver.statuses = statuses
        await write(sessions, "alert 1 0", "webhook", url=receiver.url, body={})
        sender = webhooks(sessions)
        while await sender.send_one():
            pass
        assert len(receiver.requests) == requests
        assert await outbox(sessions) == [(requests, False, problem)]


async def test_a_webhook_that_took_the_request_and_fell_silent_is_not_asked_again(
    sessions: Sessions,
) -> None:
    async with receiving() as receiver:
        receiver.is_silent = True
        await write(sessions, "alert 1 0", "webhook", url=receiver.url, body={})
        sender = webhooks(sessions, timeout_seconds=2)
        while await sender.send_one():
            pass
        assert len(receiver.requests) == 1
        assert await outbox(sessions) == [(1, False, "no answer: it may have arrived")]


async def test_an_address_of_the_own_network_is_not_asked(sessions: Sessions) -> None:
    async with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        for number, host in enumerate(("127.0.0.1", "localhost", "[::1]", "0.0.0.0")):  # noqa: S104
            url = f"http://{host}:{port}/"
            await write(sessions, f"alert {number} 0", "webhook", url=url, body={})
        sender = webhooks(sessions, allows_internal=False)
        while await sender.send_one():
            pass
        assert receiver.requests == []
        problem = "an address of the own network (WEBHOOK_INTERNAL_ADDRESSES)"
        assert await outbox(sessions) == [(1, False, problem)] * 4


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True),
        ("2606:2800:220:1::1", True),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_addresses_of_own_networks_are_known(address: str, *, expected: bool) -> None:
    assert is_public(address) is expected
