"""Changes the scopes of accounts in the database, of which the API hears a moment later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.accounts.scopes import held_scopes
from tests.api.constants import ME, PASSWORD
from tests.api.running import bearer


async def grant(engine: AsyncEngine, scopes: Iterable[str]) -> None:
    """Give every account these scopes and no others."""
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE api_users SET scopes = :s"), {"s": list(scopes)})


async def until_granted(client: httpx.AsyncClient, scopes: Iterable[str], **login: Any) -> None:
    """Wait until requests with this login have these scopes, and those that they include."""
    deadline, held = time.monotonic() + 60, sorted(held_scopes(list(scopes)))
    while (me := (await client.get(ME, **login)).json())["granted_scopes"] != held:
        assert time.monotonic() < deadline, me
        await asyncio.sleep(0.01)


async def grant_now(engine: AsyncEngine, client: httpx.AsyncClient, scopes: list[str]) -> None:
    """Change the scopes of `ann`, wait until the API has heard of it, and log in anew."""
    await grant(engine, scopes)
    await until_granted(client, scopes, auth=("ann", PASSWORD))
    client.headers.update(await bearer(client))
