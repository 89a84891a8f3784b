"""Fixtures: people in PostgreSQL, and an account that may read about them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from common.postgres import Sessions
from tests.api.people.people import add_person
from tests.api.running import StartApi, bearer, register
from tests.api.scopes import grant


@pytest.fixture
async def people(sessions: Sessions) -> None:
    """Keys 1 to 3, as in the published turns."""
    for number, name in enumerate(("Ann", "Jürgen", "Zoë"), start=1):
        assert await add_person(sessions, telegram_id=number, first_name=name) == number


@pytest.fixture
async def reader_of_names(
    start_week: StartApi,
    people: None,  # noqa: ARG001 # whom the answers show
    engine: AsyncEngine,
) -> AsyncIterator[httpx.AsyncClient]:
    """An account that may see names and texts, and is an admin."""
    async with start_week().client() as client:
        await register(client)
        await grant(engine, ["stats:read", "names:read", "texts:read", "admin"])
        client.headers.update(await bearer(client))
        yield client
