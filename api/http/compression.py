"""Compresses responses above 1 KiB for clients that accept gzip."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware, GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.negotiation import accepts_coding

MIN_BYTES = 1024 + 1
LEVEL = 5
"""Higher levels take twice the time and save a few per cent."""


class CompressionMiddleware(GZipMiddleware):
    """Like Starlette's, but respects a weight of zero and sets `Vary` on every response.

    Streams are compressed chunk by chunk. Responses that have an encoding are not changed.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, minimum_size=MIN_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_vary(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                varies = ", ".join([*headers.getlist("vary"), "Accept-Encoding"])
                names = {name.strip().lower(): name.strip() for name in varies.split(",")}
                headers["vary"] = ", ".join(names.values())
            await send(message)

        responder: ASGIApp
        if accepts_coding(Headers(scope=scope).get("accept-encoding", ""), "gzip"):
            responder = GZipResponder(self.app, self.minimum_size, self.compresslevel)
        else:
            responder = IdentityResponder(self.app, self.minimum_size)
        await responder(scope, receive, send_with_vary)
