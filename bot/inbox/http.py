"""The bot's HTTP routes: health, readiness, metrics and, if configured, the webhook."""

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
from bot.metrics import BotMetrics
from common.http.client_address import client_address, may_read_metrics
from common.log import get_logger

MAX_BODY_BYTES = 1024 * 1024
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 # the header's name, no secret
# The networks that Telegram documents for webhook requests.
TELEGRAM_NETWORKS = (
    ipaddress.ip_network("149.154.160.0/20"),
    ipaddress.ip_network("91.108.4.0/22"),
)

log = get_logger(__name__)


@dataclass(frozen=True)
class WebhookConfig:
    """How updates arrive over HTTP.

    Args:
        trusted_hops: trusted reverse proxies, counted from the right of X-Forwarded-For.
    """

    path: str
    secret: bytes
    networks_only: bool = False
    trusted_hops: int = 0


class HttpRoutes:
    """The routes.

    Args:
        health: returns the body of /health, with "status".
        not_ready_reason: why the bot cannot process updates, or None.
        refresh: updates gauges before /metrics.
        metrics_token: lets other machines read /metrics; without it only this machine may.
    """

    def __init__(
        self,
        *,
        metrics: BotMetrics,
        health: Callable[[], Awaitable[dict[str, Any]]],
        not_ready_reason: Callable[[], Awaitable[str | None]],
        refresh: Callable[[], Awaitable[None]],
        metrics_token: SecretStr | None = None,
    ) -> None:
        self._metrics = metrics
        self._health = health
        self._not_ready_reason = not_ready_reason
        self._refresh = refresh
        self._metrics_token = metrics_token

    def application(
        self, *, webhook: WebhookConfig | None = None, inbox: Callable[[], Inbox | None]
    ) -> web.Application:
        """The application; `inbox` returns None until updates can be stored."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/health", self._get_health)
        app.router.add_get("/ready", self._get_ready)
        app.router.add_get("/metrics", self._get_metrics)
        if webhook:
            app.router.add_post(webhook.path, WebhookHandler(webhook, inbox).receive)
        return app

    async def _get_health(self, _request: web.Request) -> web.Response:
        body = await self._health()
        is_healthy = body["status"] == "healthy"
        return web.json_response(body, status=200 if is_healthy else 503)

    async def _get_ready(self, _request: web.Request) -> web.Response:
        not_ready_reason = await self._not_ready_reason()
        if not_ready_reason is None:
            return web.json_response({"ready": True})
        return web.json_response({"ready": False, "waiting_for": not_ready_reason}, status=503)

    async def _get_metrics(self, request: web.Request) -> web.Response:
        if not may_read_metrics(
            request.remote or "", request.headers.items(), token=self._metrics_token
        ):
            return _response(HTTPStatus.FORBIDDEN)
        await self._refresh()
        return web.Response(
            body=generate_latest(self._metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )


class WebhookHandler:
    """The webhook: an update is stored before 200 is returned."""

    def __init__(self, webhook: WebhookConfig, inbox: Callable[[], Inbox | None]) -> None:
        self._webhook = webhook
        self._inbox = inbox

    async def receive(self, request: web.Request) -> web.Response:
        if self._webhook.networks_only and not self._is_from_telegram(request):
            return _response(HTTPStatus.FORBIDDEN)
        if not self._has_valid_secret(request):
            return _response(HTTPStatus.UNAUTHORIZED)
        try:
            update = json.loads(await request.read())
        except HTTPRequestEntityTooLarge:
            return _response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except (ValueError, RecursionError):
            return _response(HTTPStatus.BAD_REQUEST)
        inbox, stored = self._inbox(), None
        try:
            stored = await inbox.store([update]) if inbox else None
        except Exception as error:  # noqa: BLE001 # every failure has the same response
            # Not stored, for whatever reason: Telegram must deliver it again.
            log.warning("update not stored", cause=type(error).__name__)
        if stored is None:
            return _response(HTTPStatus.SERVICE_UNAVAILABLE)
        return _response(HTTPStatus.BAD_REQUEST if stored.unusable else HTTPStatus.OK)

    def _has_valid_secret(self, request: web.Request) -> bool:
        # Compared as bytes: compare_digest raises on non-ASCII strings.
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self._webhook.secret)

    def _is_from_telegram(self, request: web.Request) -> bool:
        address = client_address(
            request.remote or "", request.headers.items(), trusted_hops=self._webhook.trusted_hops
        )
        return address is not None and any(address in network for network in TELEGRAM_NETWORKS)


def _response(status: HTTPStatus) -> web.Response:
    return web.json_response({"ok": status is HTTPStatus.OK}, status=status.value)
