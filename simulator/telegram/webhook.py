"""Delivers updates to a bot's webhook, retried until it responds with 2xx."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from aiohttp import ClientError, ClientSession, ClientTimeout

from common.backoff import backoff
from simulator.change_event import ChangeEvent
from simulator.telegram.account import BotAccount
from simulator.telegram.server import TelegramServer

FIRST_RETRY_SECONDS = 0.1
MAX_RETRY_SECONDS = 5.0
ANSWER_SECONDS = 60.0
IDLE_SECONDS = 3600.0


class WebhookDelivery:
    """Delivers one bot's updates one at a time, in order of ids unless faults shuffle them."""

    def __init__(
        self,
        account: BotAccount,
        server: TelegramServer,
        *,
        session: ClientSession,
        changed: ChangeEvent,
    ) -> None:
        self._account = account
        self._server = server
        self._session = session
        self._changed = changed

    async def run(self) -> None:
        """Deliver until cancelled."""
        account = self._account
        pauses = backoff(FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS)
        while True:
            await self._changed.wait_until(
                lambda: account.webhook.url and account.queue.has_news(0), seconds=IDLE_SECONDS
            )
            if not account.webhook.url:
                continue
            if await self._deliver_next():
                pauses = backoff(FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS)
            else:
                await asyncio.sleep(next(pauses))

    async def _deliver_next(self) -> bool:
        queue, counters = self._account.queue, self._account.counters
        repeat = queue.next_repeat()
        if repeat is not None:
            await self._post(repeat)
            counters.updates_delivered += 1
            self._changed.notify()
            return True
        waiting = self._next_updates()
        if not waiting:
            return True
        update_id, body = waiting[0]
        counters.updates_delivered += 1
        if not await self._post(body):
            counters.webhook_failures += 1
            self._changed.notify()
            return False
        if self._server.chance.random() < self._server.deliveries.repeat:
            queue.repeat_bodies([body])
        queue.settle(update_id)
        return True

    def _next_updates(self) -> list[tuple[int, bytes]]:
        waiting = self._account.queue.first(5)
        if len(waiting) > 1 and self._server.chance.random() < self._server.deliveries.shuffle:
            self._server.chance.shuffle(waiting)
        return waiting

    async def _post(self, body: bytes) -> bool:
        webhook = self._account.webhook
        headers = {"Content-Type": "application/json"}
        if webhook.secret_token:
            headers["X-Telegram-Bot-Api-Secret-Token"] = webhook.secret_token
        try:
            async with self._session.post(
                webhook.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                await response.read()
        except (ClientError, TimeoutError) as error:
            problem = f"Connection failed: {type(error).__name__}"
        else:
            if 200 <= response.status < 300:  # noqa: PLR2004 # the range of success
                return True
            problem = f"Wrong response from the webhook: {response.status} {response.reason}"
        webhook.last_error_date = int(time.time())
        webhook.last_error_message = problem
        return False


async def deliver_webhooks(server: TelegramServer, changed: ChangeEvent) -> AsyncIterator[None]:
    """Deliver for every account while the application runs."""
    async with ClientSession(timeout=ClientTimeout(total=ANSWER_SECONDS)) as session:
        tasks = [
            asyncio.create_task(
                WebhookDelivery(account, server, session=session, changed=changed).run()
            )
            for account in server.accounts.values()
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
