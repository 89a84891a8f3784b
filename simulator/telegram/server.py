"""The Bot API over HTTP: reads a call, lets faults and limits strike, renders the answer."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulator import lenient
from simulator.bell import Bell
from simulator.counters import Counters
from simulator.faults import Faults
from simulator.telegram.account import TOKEN, BotAccount
from simulator.telegram.errors import ApiError, bad_request, conflict, too_many_requests
from simulator.telegram.faults import MALFORMED, DeliveryFaults, FloodLimits, TelegramFault
from simulator.telegram.flood import FloodGate
from simulator.telegram.methods.parameters import Parameters, read_parameters
from simulator.telegram.methods.profile import note_allowed_updates
from simulator.telegram.methods.registry import CHANGES_PROFILE, FLOOD_LIMITED, METHODS
from simulator.telegram.queue import LARGEST_BATCH, shuffled

LONGEST_POLL_SECONDS = 50
HTML_PAGE = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>"


@dataclass(slots=True)
class _Poll:
    """The long poll that is waiting for a bot's updates; a newer one ends it."""

    ended: bool = False


class TelegramServer:
    """Bot accounts and the way to them.

    Args:
        accounts: by token; other tokens are refused.
    """

    def __init__(
        self, accounts: dict[str, BotAccount], *, bell: Bell, counters: Counters, seed: int
    ) -> None:
        self.accounts = accounts
        self.faults: Faults[TelegramFault] = Faults(seed=seed)
        self.deliveries = DeliveryFaults()
        self.flood = FloodGate()
        self._bell = bell
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
        self._bell.ring()
        try:
            account = self._account(request.match_info["token"])
            parameters = await read_parameters(request)
            fault = self._fault(method, parameters)
            if fault is None:
                return await self._carried_out(account, method, parameters)
            self._counters.faults_injected += 1
            return await self._faulty(request, fault, account, method, parameters)
        except ApiError as error:
            self._counters.requests_refused += 1
            return _refusal(error)
        finally:
            # Whatever it was, it may have changed what somebody waits for.
            self._bell.ring()

    def _account(self, token: str) -> BotAccount:
        account = self.accounts.get(token)
        if account is not None:
            return account
        if TOKEN.fullmatch(token):
            raise ApiError(401, "Unauthorized")
        raise ApiError(404, "Not Found")

    def _fault(self, method: str, parameters: Parameters) -> TelegramFault | None:
        chat_id = str(parameters.values.get("chat_id", ""))
        thread_id = str(parameters.values.get("message_thread_id", ""))
        for fault in self.faults.candidates():
            if (
                fault.matches(method, chat_id)
                and fault.is_in_topic(thread_id)
                and self.faults.strikes(fault)
            ):
                return fault
        return None

    async def _faulty(
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
                return await self._carried_out(account, method, parameters)
            case "drop" | "drop_after":
                if fault.kind == "drop_after":
                    await self._carried_out(account, method, parameters)
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
                    await self._carried_out(account, method, parameters)
                return _refusal(
                    ApiError(fault.status, fault.description, retry_after=fault.retry_after)
                )

    async def _carried_out(
        self, account: BotAccount, method: str, parameters: Parameters
    ) -> web.Response:
        if method == "getupdates":
            return _success_of_raw(await self._updates(account, parameters))
        carry_out = METHODS.get(method)
        if carry_out is None:
            raise ApiError(404, "Not Found")
        if method in FLOOD_LIMITED:
            wait = self.flood.wait_seconds(parameters.chat_id())
            if wait:
                raise too_many_requests(wait)
        result = carry_out(account, parameters)
        if method in CHANGES_PROFILE:
            account.save()
        return web.Response(
            body=lenient.dumps({"ok": True, "result": result}), content_type="application/json"
        )

    async def _updates(self, account: BotAccount, parameters: Parameters) -> list[bytes]:
        if account.webhook.url:
            raise conflict(
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete"
                " the webhook first"
            )
        note_allowed_updates(account, parameters)
        offset = parameters.integer("offset", 0)
        limit = parameters.integer("limit", LARGEST_BATCH)
        if not 1 <= limit <= LARGEST_BATCH:
            raise bad_request(f"limit must be between 1 and {LARGEST_BATCH}")
        account.queue.confirm(offset)
        poll = self._take_over(account)
        await self._bell.wait_until(
            lambda: poll.ended or account.webhook.url or account.queue.has_news(offset),
            seconds=min(max(parameters.integer("timeout", 0), 0), LONGEST_POLL_SECONDS),
        )
        if poll.ended or account.webhook.url:
            raise conflict(
                "terminated by other getUpdates request; make sure that only one bot instance is"
                " running"
            )
        del self._polls[account.id]
        repeats, fresh = account.queue.batch(offset=max(offset, 0), limit=limit)
        return self._mishandled(account, repeats, fresh)

    def _take_over(self, account: BotAccount) -> _Poll:
        earlier = self._polls.get(account.id)
        poll = self._polls[account.id] = _Poll()
        if earlier is not None:
            earlier.ended = True
            self._bell.ring()
        return poll

    def _mishandled(
        self, account: BotAccount, repeats: list[bytes], fresh: list[bytes]
    ) -> list[bytes]:
        """The batch as the delivery faults leave it."""
        faults = self.deliveries
        if faults.repeat:
            account.queue.repeat_bodies(
                [body for body in fresh if self.chance.random() < faults.repeat]
            )
        bodies = repeats + fresh
        if self.chance.random() < faults.shuffle:
            return shuffled(bodies, self.chance)
        return bodies

    def disturb(self, account: BotAccount) -> None:
        """Called before an update is accepted: now and then a malformed one comes first."""
        if self.chance.random() < self.deliveries.malformed:
            self._counters.updates_malformed += 1
            account.queue.put(dict(self.chance.choice(MALFORMED)))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        try:
            account = self._account(request.match_info["token"])
        except ApiError as error:
            return _refusal(error)
        stored = account.outbox.file(request.match_info["path"].rpartition("/")[2])
        if stored is None:
            return _refusal(ApiError(404, "Not Found"))
        return web.Response(body=stored.content)


def _refusal(error: ApiError) -> web.Response:
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
