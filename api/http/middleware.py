"""ASGI middleware for all requests: HEAD, request id, security headers, body limit, errors."""

from __future__ import annotations

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ForbiddenError
from api.http.errors import render
from api.metrics import ApiMetrics
from common.http.origins import SAFE_METHODS, is_cross_origin
from common.tracing import Span, trace

MAX_BODY_BYTES = 1 << 20
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
# API responses are not pages: nothing in them may run or be framed.
API_POLICY = b"default-src 'none'; frame-ancestors 'none'"


class HttpMiddleware(ABC):
    """Base class of middleware for HTTP requests; others pass unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.handle(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    @abstractmethod
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an HTTP request."""


class HeadMiddleware(HttpMiddleware):
    """Answers HEAD like GET on every route: the same status and headers, no body.

    The response is reported as complete at its first chunk, so that a stream stops there.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        has_ended = False

        async def send_head(message: Message) -> None:
            nonlocal has_ended
            if has_ended:
                return
            if message["type"] == "http.response.body":
                has_ended = True
                message = {"type": "http.response.body"}
            await send(message)

        # The server keeps the original scope and so knows that it must send no body.
        await self._app({**scope, "method": "GET"}, receive, send_head)


class RequestContextMiddleware(HttpMiddleware):
    """Adds a request id to every request and the security headers to every response."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = _given_id(scope) or secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        added = [*SECURITY_HEADERS, (b"x-request-id", request_id.encode())]

        async def send_with_headers(message: Message, traced: Span) -> None:
            if message["type"] == "http.response.start":
                traced.set(status=message["status"])
                headers = list(message["headers"])
                if not any(name == b"content-security-policy" for name, _ in headers):
                    headers.append((b"content-security-policy", API_POLICY))
                message["headers"] = headers + added
            await send(message)

        with trace("request", method=scope["method"], request_id=request_id) as traced:
            await self._app(scope, receive, lambda message: send_with_headers(message, traced))
            # The route's template: the path itself may name a person.
            traced.set(route=getattr(scope.get("route"), "path", None))


class OriginMiddleware(HttpMiddleware):
    """Refuses requests that a page of another origin makes a browser send.

    They do not count against the rate limit of the browser's user.

    Args:
        allowed: origins whose pages may call the API.
        behind_proxy: whether a trusted proxy states the host that was requested.
    """

    def __init__(
        self, app: ASGIApp, *, allowed: Collection[str], behind_proxy: bool, metrics: ApiMetrics
    ) -> None:
        super().__init__(app)
        self._allowed = allowed
        self._behind_proxy = behind_proxy
        self._metrics = metrics

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_checked = scope["method"] not in SAFE_METHODS
        if is_checked and is_cross_origin(
            scope["headers"],
            scheme=scope["scheme"],
            allowed=self._allowed,
            behind_proxy=self._behind_proxy,
        ):
            failure = ForbiddenError(
                "Requests from this origin are not allowed. CORS_ORIGINS lists the allowed ones.",
                code="cross_origin",
            )
            self._metrics.count_refusal(failure.code)
            response = render(failure, request_id=scope["state"]["request_id"])
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)


class BodyLimitMiddleware(HttpMiddleware):
    """Refuses request bodies above `max_bytes` before they are in memory."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(app)
        self._max_bytes = max_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdigit() or int(declared) > self._max_bytes:
            response = render(_too_large(), request_id=scope["state"]["request_id"])
            await response(scope, receive, send)
            return
        left = self._max_bytes

        async def bounded_receive() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _too_large()
            return message

        await self._app(scope, bounded_receive, send)


def _too_large() -> HTTPException:
    # FastAPI turns any other exception that is raised while a body is read into a 400.
    return HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The body is larger than {MAX_BODY_BYTES} bytes.",
        headers={"Connection": "close"},
    )


class ErrorMiddleware(HttpMiddleware):
    """Renders uncaught exceptions as an error response; inside CORS, so that pages can read it."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def watched_send(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception as error:
            if has_started:
                raise
            response = render(error, request_id=scope["state"]["request_id"])
            await response(scope, receive, send)


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTABLE_ID.fullmatch(value):
            return str(value.decode())
    return None
