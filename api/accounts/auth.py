"""The gate of /api: who is asking, and whether they may ask now. Knows no route.

One ASGI middleware, because limits need the account and every answer carries their headers,
refusals included.
"""

from __future__ import annotations

import ipaddress

import structlog
from limits import RateLimitItem
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.accounts.login import Login, Principal
from api.errors import NotAuthenticatedError, TooManyAttemptsError
from api.http.errors import as_api_error, render
from api.http.rate_limit import Counters, CountersUnavailableError, Standing
from api.metrics import Metrics
from common.http.client_address import client_address

GUARDED = "/api/"
# Whoever calls these has no credentials yet; what they send in Authorization is not looked at.
OPEN_PATHS = frozenset({"/api/v1/auth/register", "/api/v1/auth/token"})


def client_network(scope: Scope, *, trusted_hops: int) -> str:
    """The client's address; of IPv6 its /64, which is what one customer is given.

    The peer's where the proxies do not say it.
    """
    peer = str(scope["client"][0]) if scope.get("client") else "unknown"
    headers = Headers(scope=scope).items() if trusted_hops else ()
    address = client_address(peer, headers, trusted_hops=trusted_hops)
    if address is None:
        address = client_address(peer, (), trusted_hops=0)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or peer)


class Gate:
    """Identifies and limits requests to /api; leaves the principal in the request's state.

    Args:
        default: limit of an account, or of an address before login.
        dashboard: limit of tokens that the dashboard asked for.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        login: Login,
        counters: Counters,
        metrics: Metrics,
        default: RateLimitItem,
        dashboard: RateLimitItem,
        trusted_hops: int,
    ) -> None:
        self._app = app
        self._login = login
        self._counters = counters
        self._metrics = metrics
        self._default = default
        self._dashboard = dashboard
        self._trusted_hops = trusted_hops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        address = client_network(scope, trusted_hops=self._trusted_hops)
        state = scope["state"]
        principal, failure = await self._identify(scope, address=address)
        item, key = self._limit_of(principal, address)
        try:
            standing = await self._counters.hit(item, key)
        except CountersUnavailableError as error:
            # Reading goes on without limits, seen in a metric; logins are closed.
            self._metrics.limits_unavailable.inc()
            standing = None
            if path in OPEN_PATHS:
                failure = error
        if standing is not None:
            if not standing.allowed:
                failure = TooManyAttemptsError(
                    f"At most {item.amount} requests per {_words(item)}.",
                    retry_after=standing.seconds_until_free,
                )
            send = _with_headers(send, standing)
        if failure is not None:
            self._metrics.count_refusal(as_api_error(failure).code)
            response = render(failure, request_id=state["request_id"])
            await response(scope, receive, send)
            return
        if principal is not None:
            # Every line of the request says whose it is, by id: names stay out of the log.
            structlog.contextvars.bind_contextvars(account_id=principal.account_id)
        state["principal"] = principal
        state["address"] = address
        state["limit"] = item
        await self._app(scope, receive, send)

    async def _identify(
        self, scope: Scope, *, address: str
    ) -> tuple[Principal | None, Exception | None]:
        if scope["path"] in OPEN_PATHS:
            return None, None
        for name, value in scope["headers"]:
            if name == b"authorization":
                try:
                    return await self._login.identify(value, address=address), None
                except Exception as error:  # noqa: BLE001 # rendered below, after it is counted
                    # A refusal is still counted, and answered in the one shape of errors.
                    return None, error
        return None, None

    def _limit_of(self, principal: Principal | None, address: str) -> tuple[RateLimitItem, str]:
        if principal is None:
            return self._default, f"address:{address}"
        if principal.is_dashboard:
            return self._dashboard, f"dashboard:{principal.account_id}"
        return self._default, f"account:{principal.account_id}"


def anonymous() -> NotAuthenticatedError:
    """The refusal of a request without credentials."""
    return NotAuthenticatedError(
        "Credentials are needed: HTTP Basic, or a bearer token from /api/v1/auth/token.",
        asks_for_password=True,
    )


def _with_headers(send: Send, standing: Standing) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            wait = 0 if standing.remaining else standing.seconds_until_free
            message["headers"] = [
                *message["headers"],
                (b"x-ratelimit-limit", b"%d" % standing.limit),
                (b"x-ratelimit-remaining", b"%d" % standing.remaining),
                (b"x-ratelimit-reset", b"%d" % (int(standing.reset_at) + 1)),
                (b"ratelimit", b'"account";r=%d;t=%d' % (standing.remaining, wait)),
                (
                    b"ratelimit-policy",
                    b'"account";q=%d;w=%d' % (standing.limit, standing.window_seconds),
                ),
            ]
        await send(message)

    return send_with_headers


def _words(item: RateLimitItem) -> str:
    return item.GRANULARITY.name if item.multiples == 1 else f"{item.get_expiry()} seconds"
