"""Requests to a running bot's HTTP port."""

from __future__ import annotations

import json
import time
from io import BytesIO
from typing import Any

import aiohttp

from bot.inbox.http import (
    SECRET_HEADER,
)
from tests.bot.conftest import World
from tests.bot.constants import WEBHOOK_SECRET


async def post(
    world: World, body: bytes | BytesIO, *, secret: str | None = WEBHOOK_SECRET, **more: Any
) -> int:
    headers = {} if secret is None else {SECRET_HEADER: secret}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{world.url}/telegram/hook", data=body, headers=headers, **more) as answer,
    ):
        return answer.status


async def get(world: World, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(world.url + path) as answer:
        return answer.status, await answer.text()


def text_update(update_id: int, words: str = "hello", person: int = 1001) -> bytes:
    return json.dumps(
        {
            "update_id": update_id,
            "message": {
                "message_id": update_id, "date": int(time.time()), "text": words,
                "chat": {"id": person, "type": "private"},
                "from": {"id": person, "is_bot": False, "first_name": "Ada"},
            },
        }
    ).encode()  # fmt: skip


async def all_settled(world: World, count: int) -> bool:
    updates = await world.updates()
    return len(updates) == count and all(update.outcome for update in updates)
