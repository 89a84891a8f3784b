"""The Bot API over HTTP, with injected faults and flood limits."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulator import surrogate_json
from simulator.change_event import ChangeEvent
from simulator.counters import Counters
from simulator.faults import FaultRules
from simulator.telegram.account import TOKEN, BotAccount
from simulator.telegram.errors import BotApiError, bad_request, conflict, too_many_requests
from simulator.telegram.faults import MALFORMED, DeliveryFaults, FloodLimits, TelegramFault
from simulator.telegram.flood import FloodLimiter
from simulator.telegram.methods.parameters import Parameters, read_parameters
from simulator.telegram.methods.profile import note_allowed_updates
from simulator.telegram.methods.registry import CHANGES_PROFILE, FLOOD_LIMITED, METHODS
from simulator.telegram.queue import MAX_BATCH, shuffled

MAX_POLL_SECONDS = 50
HTML_PAGE = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>"


@dataclass(slots=True)
class _Poll:
    """A bot's waiting long poll; a newer one ends it."""

    ended: bool = False


class TelegramServer:
    """Serves bot accounts.

    Args:
        accounts: by token; other tokens are refused.
    """

    def __init__(
        self,
        accounts: dict[str, BotAccount],
        *,
        changed: ChangeEvent,
        counters: Counters,
        seed: int,
    ) -> None:
        self.accounts = accounts
        self.faults: FaultRules[TelegramFault] = FaultRules(seed=seed)
        self.deliveries = DeliveryFaults()
        self.flood = FloodLimiter()
        self._changed = changed
        self._counters = counters
        self._polls: dict[int, _Poll] = {}
        self.chance = random.Random(seed)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/bot{token}/{method}", self._answer),
            web.get("/file/bot{token}/{path:.+}", self._download),
        ]

    def reset(self) -> None:
        self.faults.clear()
        self.deliveries = DeliveryFaults()
        self.flood.limits = FloodLimits()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"].lower()
        known = method == "getupdates" or method in METHODS
        self._counters.count_method(method if known else "unknown")
        self._changed.notify()
        try:
            account = self._account(request.match_info["token"])
            parameters = await read_parameters(request)
            fault = self._fault(method, parameters)
            if fault is None:
                return await self._execute(account, method, parameters)
            self._counters.faults_injected += 1
            return await self._apply_fault(request, fault, account, method, parameters)
        except BotApiError as error:
            self._counters.requests_refused += 1
            return _refusal(error)
        finally:
            # Any call may have changed the state that others wait for.
            self._changed.notify()

    def _account(self, token: str) -> BotAccount:
        account = self.accounts.get(token)
        if account is not None:
            return account
        if TOKEN.fullmatch(token):
            raise BotApiError(401, "Unauthorized")
        raise BotApiError(404, "Not Found")

    def _fault(self, method: str, parameters: Parameters) -> TelegramFault | None:
        chat_id = str(parameters.values.get("chat_id", ""))
        thread_id = str(parameters.values.get("message_thread_id", ""))
        for fault in self.faults.candidates():
            if (
                fault.matches(method, chat_id)
                and fault.is_in_topic(thread_id)
                and fault.is_rich in (None, "rich_message" in parameters.values)
                and self.faults.strikes(fault)
            ):
                return fault
        return None

    async def _apply_fault(
        self,
        request: web.Request,
        fault: TelegramFault,
        account: BotAccount,
        method: str,
        parameters: Parameters,
    ) -> web.StreamResponse:
        await asyncio.sleep(fault.delay_seconds)
        match fault.kind:
            case "delay":
                return await self._execute(account, method, parameters)
            case "drop" | "drop_after":
                if fault.kind == "drop_after":
                    await self._execute(account, method, parameters)
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case "html":
                return web.Response(status=fault.status, text=HTML_PAGE, content_type="text/html")
            case "garbage":
                return web.Response(text='{"ok":tru', content_type="application/json")
            case "no_description":
                return web.json_response(
                    {"ok": False, "error_code": fault.status}, status=fault.status
                )
            case _:
                if fault.kind == "error_after":
                    await self._execute(account, method, parameters)
                return _refusal(
                    BotApiError(fault.status, fault.description, retry_after=fault.retry_after)
                )

    async def _execute(
        self, account: BotAccount, method: str, parameters: Parameters
    ) -> web.Response:
        if method == "getupdates":
            return _success_of_raw(await self._updates(account, parameters))
        execute = METHODS.get(method)
        if execute is None:
            raise BotApiError(404, "Not Found")
        if method in FLOOD_LIMITED:
            wait = self.flood.wait_seconds(parameters.chat_id())
            if wait:
                raise too_many_requests(wait)
        result = execute(account, parameters)
        if method in CHANGES_PROFILE:
            account.save()
        return web.Response(
            body=surrogate_json.dumps({"ok": True, "result": result}),
            content_type="application/json",
        )

    async def _updates(self, account: BotAccount, parameters: Parameters) -> list[bytes]:
        if account.webhook.url:
            raise conflict(
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete"
                " the webhook first"
            )
        note_allowed_updates(account, parameters)
        offset = parameters.integer("offset", 0)
        limit = parameters.integer("limit", MAX_BATCH)
        if not 1 <= limit <= MAX_BATCH:
            raise bad_request(f"limit must be between 1 and {MAX_BATCH}")
        account.queue.confirm(offset)
        poll = self._replace_poll(account)
        await self._changed.wait_until(
            lambda: poll.ended or account.webhook.url or account.queue.has_news(offset),
            seconds=min(max(parameters.integer("timeout", 0), 0), MAX_POLL_SECONDS),
        )
        if poll.ended or account.webhook.url:
            raise conflict(
                "terminated by other getUpdates request; make sure that only one bot instance is"
                " running"
            )
        del self._polls[account.id]
        repeats, fresh = account.queue.batch(offset=max(offset, 0), limit=limit)
        return self._with_delivery_faults(account, repeats, fresh)

    def _replace_poll(self, account: BotAccount) -> _Poll:
        earlier = self._polls.get(account.id)
        poll = self._polls[account.id] = _Poll()
        if earlier is not None:
            earlier.ended = True
            self._changed.notify()
        return poll

    def _with_delivery_faults(
        self, account: BotAccount, repeats: list[bytes], fresh: list[bytes]
    ) -> list[bytes]:
        """Apply the delivery faults to a batch."""
        faults = self.deliveries
        if faults.repeat:
            account.queue.repeat_bodies(
                [body for body in fresh if self.chance.random() < faults.repeat]
            )
        bodies = repeats + fresh
        if self.chance.random() < faults.shuffle:
            return shuffled(bodies, self.chance)
        return bodies

    def apply_faults(self, account: BotAccount) -> None:
        """Before an update is queued: queue a malformed one with the configured probability."""
        if self.chance.random() < self.deliveries.malformed:
            self._counters.updates_malformed += 1
            account.queue.put(dict(self.chance.choice(MALFORMED)))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        try:
            account = self._account(request.match_info["token"])
        except BotApiError as error:
            return _refusal(error)
        stored = account.sent_log.file(request.match_info["path"].rpartition("/")[2])
        fault = self._fault("file", Parameters())
        if fault is not None:
            self._counters.faults_injected += 1
            await asyncio.sleep(fault.delay_seconds)
        if stored is None:
            return _refusal(BotApiError(404, "Not Found"))
        match fault and fault.kind:
            case None | "delay":
                return web.Response(body=stored.content)
            case "truncate":
                answer = web.StreamResponse(headers={"Content-Length": str(len(stored.content))})
                await answer.prepare(request)
                await answer.write(stored.content[: len(stored.content) // 2])
            case "error":
                return _refusal(BotApiError(fault.status if fault else 500, "Not Found"))
            case _:
                pass
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


def _refusal(error: BotApiError) -> web.Response:
    body: dict[str, Any] = {
        "ok": False,
        "error_code": error.status,
        "description": error.description,
    }
    if error.retry_after is not None:
        body["parameters"] = {"retry_after": error.retry_after}
    return web.json_response(body, status=error.status)


def _success_of_raw(bodies: list[bytes]) -> web.Response:
    return web.Response(
        body=b'{"ok":true,"result":[' + b",".join(bodies) + b"]}", content_type="application/json"
    )
