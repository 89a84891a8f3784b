"""The cookie of a session.

Over HTTPS its name begins with `__Host-`: a browser then takes it only over HTTPS, for this host
and every path, so that no page of another host can set it. Over plain HTTP that is impossible, and
the name has no prefix. Each is accepted only over its own scheme.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope

NAME = "dialytics_session"
SECURE_NAME = f"__Host-{NAME}"


def is_https(scope: Scope, *, trusted_hops: int) -> bool:
    """Whether the browser sees HTTPS: by this connection, or as the trusted proxies state."""
    if not trusted_hops:
        return bool(scope["scheme"] == "https")
    stated = [
        entry.strip().lower()
        for name, value in scope["headers"]
        if name == b"x-forwarded-proto"
        for entry in value.decode("latin-1").split(",")
    ]
    # Each proxy may append or replace: the outermost one states what the browser used.
    return stated[-min(trusted_hops, len(stated))] == "https" if stated else False


def find_cookies(headers: Iterable[tuple[bytes, bytes]], *, secure: bool) -> set[str]:
    """The different values of the session's cookie in a request."""
    wanted = SECURE_NAME if secure else NAME
    pairs = (
        part.partition("=")
        for name, header in headers
        if name == b"cookie"
        for part in header.decode("latin-1").split(";")
    )
    return {value.strip() for key, _, value in pairs if key.strip() == wanted}


def make_cookie(secret: str, *, seconds: int, secure: bool) -> str:
    """The value of Set-Cookie; an empty secret with 0 seconds removes the cookie."""
    name = SECURE_NAME if secure else NAME
    flags = "; Secure" if secure else ""
    return f"{name}={secret}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{flags}"
