"""Checks of each request before Dagster's page, which checks nothing itself.

In this order: asked for by a known name, no GraphQL by GET, no change by a page of another origin,
and, where a login is wanted, from an account of the API with the scope `dagster:use`.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http.listening import is_loopback
from common.http.origins import SAFE_METHODS, hostname_of, is_cross_origin
from pipelines.runtime.page_login import ApiLogin, LoginRefusedError, LoginUnavailableError

NEEDED_SCOPE = "dagster:use"
OWN_NAMES = ("localhost", "127.0.0.1", "::1")
HEALTH_PATH = "/server_info"
CHALLENGE = {"WWW-Authenticate": 'Basic realm="dialytics", charset="UTF-8"'}
# No page of another origin may show it in a frame, or load anything of it.
ADDED_HEADERS = (
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class PageGuard:
    """ASGI middleware around Dagster's application.

    Args:
        hosts: names by which the page may be asked for, beside this machine's own.
        login: None: everyone who reaches the page may use it.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], login: ApiLogin | None) -> None:
        self._app = app
        self._hosts = frozenset(OWN_NAMES) | {host.casefold() for host in hosts}
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope) or await self._login_refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            # Before it is accepted: the server answers 403.
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        named = [*headers.getlist("host")]
        for value in headers.getlist("x-forwarded-host"):
            named += value.split(",")
        if not named or any(hostname_of(name.strip()) not in self._hosts for name in named):
            return _text(HTTPStatus.BAD_REQUEST, "This name is not in DAGSTER_HOSTS.")
        is_http = scope["type"] == "http"
        is_safe = is_http and scope["method"] in SAFE_METHODS
        if (
            is_safe
            and scope["path"].rstrip("/") == "/graphql"
            and "query" in QueryParams(scope["query_string"])
        ):
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, "Queries are sent by POST.", Allow="POST")
        if not is_safe and is_cross_origin(
            scope["headers"],
            scheme="https" if scope["scheme"] in {"https", "wss"} else "http",
            behind_proxy=True,
        ):
            return _text(HTTPStatus.FORBIDDEN, "Pages of other origins may change nothing here.")
        return None

    async def _login_refusal(self, scope: Scope) -> Response | None:
        if self._login is None or _is_own_health_check(scope):
            return None
        authorization = Headers(scope=scope).get("authorization")
        if authorization is None:
            return _text(HTTPStatus.UNAUTHORIZED, "An account of the API is needed.", **CHALLENGE)
        try:
            scopes = await self._login.scopes(authorization.encode("latin-1"), address=_peer(scope))
        except LoginRefusedError as error:
            return _text(HTTPStatus.UNAUTHORIZED, str(error), **CHALLENGE)
        except LoginUnavailableError as error:
            retry = {"Retry-After": error.retry_after}
            return _text(HTTPStatus.SERVICE_UNAVAILABLE, str(error), **retry)
        if NEEDED_SCOPE not in scopes:
            words = f"This needs the scope {NEEDED_SCOPE}. An admin of the API can grant it."
            return _text(HTTPStatus.FORBIDDEN, words)
        return None


def _is_own_health_check(scope: Scope) -> bool:
    """Asked from this machine, or this container: it tells versions alone."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != HEALTH_PATH:
        return False
    # An address of this machine's own is reached from that same address.
    return is_loopback(_peer(scope)) or _peer(scope) == str(scope["server"][0])


def _peer(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else "unknown"


def _text(status: HTTPStatus, words: str, **headers: str) -> Response:
    return PlainTextResponse(
        f"{words}\n", status_code=status, headers={"Cache-Control": "no-store", **headers}
    )


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *ADDED_HEADERS]
        await send(message)

    return send_with_headers
