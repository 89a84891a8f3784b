"""The bot's HTTP side: health, readiness, metrics, and the webhook when there is one."""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr

from bot.inbox.store import Inbox
from bot.metrics import Metrics
from common.http.client_address import client_address, may_read_metrics
from common.log import get_logger

LARGEST_BODY_BYTES = 1024 * 1024
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 # the header's name, no secret
# Where Telegram says that its webhook requests come from.
TELEGRAM_NETWORKS = (
    ipaddress.ip_network("149.154.160.0/20"),
    ipaddress.ip_network("91.108.4.0/22"),
)

log = get_logger(__name__)


@dataclass(frozen=True)
class Webhook:
    """How updates arrive over HTTP.

    Args:
        trusted_hops: proxies in front whose X-Forwarded-For entry is believed.
    """

    path: str
    secret: bytes
    networks_only: bool = False
    trusted_hops: int = 0


class Web:
    """The routes.

    Args:
        health: the body of /health; `status` is "healthy" when all is well.
        obstacle: why the bot cannot take updates; None when it can.
        refresh: brings gauges up to date before they are shown.
        metrics_token: opens /metrics to other machines; without it only this one may read.
    """

    def __init__(
        self,
        *,
        metrics: Metrics,
        health: Callable[[], Awaitable[dict[str, Any]]],
        obstacle: Callable[[], Awaitable[str | None]],
        refresh: Callable[[], Awaitable[None]],
        metrics_token: SecretStr | None = None,
    ) -> None:
        self._metrics = metrics
        self._health = health
        self._obstacle = obstacle
        self._refresh = refresh
        self._metrics_token = metrics_token

    def application(
        self, *, webhook: Webhook | None = None, inbox: Callable[[], Inbox | None]
    ) -> web.Application:
        """The application; `inbox` returns None until updates can be taken."""
        app = web.Application(client_max_size=LARGEST_BODY_BYTES)
        app.router.add_get("/health", self._get_health)
        app.router.add_get("/ready", self._get_ready)
        app.router.add_get("/metrics", self._get_metrics)
        if webhook:
            app.router.add_post(webhook.path, Receiver(webhook, inbox).receive)
        return app

    async def _get_health(self, _request: web.Request) -> web.Response:
        body = await self._health()
        is_healthy = body["status"] == "healthy"
        return web.json_response(body, status=200 if is_healthy else 503)

    async def _get_ready(self, _request: web.Request) -> web.Response:
        obstacle = await self._obstacle()
        if obstacle is None:
            return web.json_response({"ready": True})
        return web.json_response({"ready": False, "waiting_for": obstacle}, status=503)

    async def _get_metrics(self, request: web.Request) -> web.Response:
        if not may_read_metrics(
            request.remote or "", request.headers.items(), token=self._metrics_token
        ):
            return _answer(HTTPStatus.FORBIDDEN)
        await self._refresh()
        return web.Response(
            body=generate_latest(self._metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )


class Receiver:
    """The webhook: whatever is answered 200 is stored."""

    def __init__(self, webhook: Webhook, inbox: Callable[[], Inbox | None]) -> None:
        self._webhook = webhook
        self._inbox = inbox

    async def receive(self, request: web.Request) -> web.Response:
        if self._webhook.networks_only and not self._is_from_telegram(request):
            return _answer(HTTPStatus.FORBIDDEN)
        if not self._knows_the_secret(request):
            return _answer(HTTPStatus.UNAUTHORIZED)
        try:
            update = json.loads(await request.read())
        except HTTPRequestEntityTooLarge:
            return _answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except (ValueError, RecursionError):
            return _answer(HTTPStatus.BAD_REQUEST)
        inbox, stored = self._inbox(), None
        try:
            stored = await inbox.store([update]) if inbox else None
        except Exception as error:  # noqa: BLE001 # every failure has the same answer
            # Whatever the reason, it is not stored: Telegram is to deliver it again.
            log.warning("update not stored", cause=type(error).__name__)
        if stored is None:
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE)
        return _answer(HTTPStatus.BAD_REQUEST if stored.unusable else HTTPStatus.OK)

    def _knows_the_secret(self, request: web.Request) -> bool:
        # As bytes: a comparison of strings refuses other alphabets with an exception.
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self._webhook.secret)

    def _is_from_telegram(self, request: web.Request) -> bool:
        address = client_address(
            request.remote or "", request.headers.items(), trusted_hops=self._webhook.trusted_hops
        )
        return address is not None and any(address in network for network in TELEGRAM_NETWORKS)


def _answer(status: HTTPStatus) -> web.Response:
    return web.json_response({"ok": status is HTTPStatus.OK}, status=status.value)
