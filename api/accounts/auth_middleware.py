"""Authenticates requests to /api and applies the rate limits.

One ASGI middleware, because limits need the account and every answer carries their headers,
refusals included.
"""

from __future__ import annotations

import ipaddress
import re

import structlog
from limits import RateLimitItem
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.accounts.authenticator import Authenticator
from api.accounts.keys.store import SERVICE_ACCOUNT
from api.accounts.scopes import Principal
from api.accounts.sessions.authentication import SessionAuthenticator
from api.audit.events import Origin, act_as, current_origin
from api.errors import NotAuthenticatedError, TooManyAttemptsError
from api.http.errors import as_api_error, render
from api.http.rate_limit import CountersUnavailableError, RateLimiter, WindowStatus
from api.metrics import ApiMetrics
from api.settings import parse_limit
from common.http.client_address import client_address

GUARDED = "/api/"
# Callers that post to these have no credentials yet: their Authorization header is ignored.
OPEN_PATHS = frozenset(
    {
        "/api/v1/auth/register",
        "/api/v1/auth/reset",
        "/api/v1/auth/session",
        "/api/v1/auth/token",
    }
)
SCRIPT_HEADER = "x-requested-with"
"""Sent by scripts of pages: a browser shows them no login dialog of its own."""


def client_network(scope: Scope, *, trusted_hops: int) -> str:
    """The client's address; for IPv6 its /64, the range that one customer is given.

    It is the peer's address when the proxies do not state another.
    """
    peer = str(scope["client"][0]) if scope.get("client") else "unknown"
    headers = Headers(scope=scope).items() if trusted_hops else ()
    address = client_address(peer, headers, trusted_hops=trusted_hops)
    if address is None:
        address = client_address(peer, (), trusted_hops=0)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or peer)


class AuthMiddleware:
    """Authenticates and limits requests to /api; stores the principal in the request's state."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticator: Authenticator,
        sessions: SessionAuthenticator,
        limiter: RateLimiter,
        metrics: ApiMetrics,
        trusted_hops: int,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._sessions = sessions
        self._limiter = limiter
        self._metrics = metrics
        self._trusted_hops = trusted_hops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        address = client_network(scope, trusted_hops=self._trusted_hops)
        state = scope["state"]
        current_origin.set(Origin(address=address, request_id=state["request_id"]))
        principal, failure = await self._identify(scope, address=address)
        is_dashboard = principal is not None and principal.is_dashboard
        try:
            status = await self._count(scope, principal, address)
        except CountersUnavailableError as error:
            # Reads continue without limits, which a metric counts; logins are refused.
            self._metrics.limits_unavailable.inc()
            status = None
            if _is_open(scope):
                failure = error
        if status is not None:
            if not status.allowed:
                failure = TooManyAttemptsError(
                    f"At most {status.item.amount} requests per {_window_name(status.item)}.",
                    retry_after=status.seconds_until_free,
                )
            send = _with_headers(send, status)
        if failure is not None:
            self._metrics.count_refusal(as_api_error(failure).code)
            response = render(failure, request_id=state["request_id"])
            await response(scope, receive, send)
            return
        if principal is not None:
            # Log lines carry the account's id, never its name.
            structlog.contextvars.bind_contextvars(account_id=principal.account_id)
            act_as(
                principal.username,
                principal.account_id,
                key_id=principal.key_id,
                person_key=_acting_person(scope, principal),
            )
        state["principal"] = principal
        state["address"] = address
        state["limit"] = (
            own
            if principal is not None and (own := _own_limit(principal))
            else self._limiter.limit_of(is_dashboard=is_dashboard)
        )
        await self._app(scope, receive, send)

    async def _count(self, scope: Scope, principal: Principal | None, address: str) -> WindowStatus:
        """Count the request: in the key's own window, and in the account's.

        A key with a higher limit than accounts have, which only admins give, counts in its own
        alone. More keys do not give an account more requests.
        """
        own = _own_limit(principal) if principal is not None else None
        status = None
        if principal is not None and own is not None:
            status = await self._limiter.hit(own, f"key:{principal.key_id}")
            if not status.allowed or self._limiter.is_above_default(own):
                return status
        shared = await self._limiter.count(
            Request(scope),
            _key_of(principal, address),
            is_dashboard=principal is not None and principal.is_dashboard,
        )
        return status if status is not None and shared.allowed else shared

    async def _identify(
        self, scope: Scope, *, address: str
    ) -> tuple[Principal | None, Exception | None]:
        if _is_open(scope):
            return None, None
        for name, value in scope["headers"]:
            if name == b"authorization":
                try:
                    return await self._authenticator.identify(value, address=address), None
                except Exception as error:  # noqa: BLE001 # rendered below, after it is counted
                    # Failed requests count against the limit too.
                    return None, error
        try:
            return await self._sessions.identify(scope, address=address), None
        except Exception as error:  # noqa: BLE001 # as above
            return None, error


def _is_open(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"] in OPEN_PATHS


def _acting_person(scope: Scope, principal: Principal) -> int | None:
    """The operator on whose behalf the bot asks, as its key of a user."""
    if principal.username != SERVICE_ACCOUNT:
        return None
    given = Headers(scope=scope).get("x-acting-person", "")
    return int(given) if re.fullmatch("[0-9]{1,10}", given) else None


def _own_limit(principal: Principal) -> RateLimitItem | None:
    return parse_limit(principal.rate_limit) if principal.rate_limit is not None else None


def _key_of(principal: Principal | None, address: str) -> str:
    if principal is None:
        return f"address:{address}"
    return f"{'dashboard' if principal.is_dashboard else 'account'}:{principal.account_id}"


def credentials_needed(headers: Headers) -> NotAuthenticatedError:
    """The error for a request without credentials."""
    return NotAuthenticatedError(
        "Authentication required: HTTP Basic, or a bearer token from /api/v1/auth/token.",
        asks_for_password=SCRIPT_HEADER not in headers,
    )


def _with_headers(send: Send, status: WindowStatus) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            wait = 0 if status.remaining else status.seconds_until_free
            message["headers"] = [
                *message["headers"],
                (b"x-ratelimit-limit", b"%d" % status.item.amount),
                (b"x-ratelimit-remaining", b"%d" % status.remaining),
                (b"x-ratelimit-reset", b"%d" % (int(status.reset_at) + 1)),
                (b"ratelimit", b'"account";r=%d;t=%d' % (status.remaining, wait)),
                (
                    b"ratelimit-policy",
                    b'"account";q=%d;w=%d' % (status.item.amount, status.item.get_expiry()),
                ),
            ]
        await send(message)

    return send_with_headers


def _window_name(item: RateLimitItem) -> str:
    return item.GRANULARITY.name if item.multiples == 1 else f"{item.get_expiry()} seconds"
