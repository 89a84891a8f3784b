"""Sends the messages of the outbox to webhooks: a POST of JSON, accepted with any status 2xx.

A message is sent again only if the receiver was not reached, or answered 429 or 5xx: it arrives at
most once. Addresses of the own network are refused, as they are resolved, unless a setting allows
them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2
from sqlalchemy import text

from bot.operator.notifier import CONFIRM, FAILED, POLL_SECONDS, OutboxMessage, claim
from common.errors import DialyticsError
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Sessions, transaction
from common.version import VERSION

CHANNEL = "webhook"
MAX_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 10.0
TIMEOUT_SECONDS = 10.0
PORTS = {"http": 80, "https": 443}
# The claim is given back: the message certainly was not accepted.
RELEASE = text("""
UPDATE outbox SET claimed_at = NULL, problem = :problem,
    send_after = now() + make_interval(secs => :pause)
WHERE id = :id
""")

log = get_logger(__name__)


class WebhookError(DialyticsError):
    """The message was not accepted. `may_retry`: nothing of it was taken, so it can be repeated."""

    def __init__(self, problem: str, *, may_retry: bool) -> None:
        super().__init__(problem)
        self.may_retry = may_retry


class WebhookSender:
    """Sends to webhooks, oldest message first, until cancelled.

    Args:
        allows_internal: WEBHOOK_INTERNAL_ADDRESSES.
        retry_seconds: first pause before a message is sent again; it doubles.
    """

    def __init__(
        self,
        *,
        sessions: Sessions,
        allows_internal: bool,
        poll_seconds: float = POLL_SECONDS,
        retry_seconds: float = FIRST_PAUSE_SECONDS,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._sessions = sessions
        self._allows_internal = allows_internal
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._timeout_seconds = timeout_seconds

    async def run(self) -> None:
        """Poll for messages until cancelled."""
        while True:
            try:
                while await self.send_one():
                    pass
            except DRIVER_ERRORS as error:
                log.warning("webhook_outbox_read_failed", cause=type(error).__name__)
            await asyncio.sleep(self._poll_seconds)

    async def send_one(self) -> bool:
        """Send the oldest message that is due; False if there is none."""
        entry = await claim(
            self._sessions, channels=[CHANNEL], max_attempts=MAX_ATTEMPTS, resend_seconds=3600
        )
        if entry is None:
            return False
        try:
            await self._post(entry)
        except WebhookError as error:
            await self._give_back(entry, error)
            return True
        async with transaction(self._sessions) as session:
            await session.execute(CONFIRM, {"id": entry.id})
        log.info("webhook_sent", entry=entry.key)
        return True

    async def _give_back(self, entry: OutboxMessage, error: WebhookError) -> None:
        may_retry = error.may_retry and entry.attempts < MAX_ATTEMPTS
        log.warning("webhook_not_sent", entry=entry.key, cause=str(error), will_retry=may_retry)
        pause = self._retry_seconds * 2 ** (entry.attempts - 1)
        values = {"id": entry.id, "problem": str(error)}
        async with transaction(self._sessions) as session:
            if may_retry:
                await session.execute(RELEASE, {**values, "pause": pause})
            else:
                await session.execute(FAILED, values)

    async def _post(self, entry: OutboxMessage) -> None:
        parts = urlsplit(str(entry.payload["url"]))
        host, scheme = parts.hostname or "", parts.scheme
        address = await self._resolve(host, parts.port or PORTS.get(scheme, 0))
        shown = f"[{address}]" if ":" in address else address
        port = f":{parts.port}" if parts.port else ""
        # The address that was checked is the one that is asked: a name may resolve to another.
        url = parts._replace(netloc=f"{shown}{port}", fragment="").geturl()
        headers = {
            "Host": parts.netloc.rpartition("@")[2],
            "Idempotency-Key": entry.key,
            "User-Agent": f"dialytics/{VERSION}",
        }
        async with httpx2.AsyncClient(
            timeout=self._timeout_seconds, trust_env=False, follow_redirects=False
        ) as client:
            status = await self._status(client, url, entry.payload["body"], headers, host)
        if 200 <= status < 300:  # noqa: PLR2004 # accepted
            return
        raise WebhookError(
            f"answered {status}",
            may_retry=status == 429 or status >= 500,  # noqa: PLR2004 # too many, or broken
        )

    async def _status(
        self,
        client: httpx2.AsyncClient,
        url: str,
        body: dict[str, Any],
        headers: dict[str, str],
        host: str,
    ) -> int:
        """The status of the answer, whose body is not read."""
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                client.stream(
                    "POST", url, json=body, headers=headers, extensions={"sni_hostname": host}
                ) as answer,
            ):
                return answer.status_code
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise WebhookError("cannot connect", may_retry=True) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise WebhookError("no answer: it may have arrived", may_retry=False) from error

    async def _resolve(self, host: str, port: int) -> str:
        """An address of the host that may be asked."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, ValueError) as error:
            raise WebhookError("the name is not known", may_retry=True) from error
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allows_internal and not all(map(is_public, addresses)):
            raise WebhookError(
                "an address of the own network (WEBHOOK_INTERNAL_ADDRESSES)", may_retry=False
            )
        return addresses[0]


def is_public(address: str) -> bool:
    """Whether an address is one of the internet, not of a network or machine of one's own."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    parsed = mapped or parsed
    return parsed.is_global and not parsed.is_multicast
