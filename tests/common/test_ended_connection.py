"""A server announces its shutdown on an idle connection, which is then not used again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from api.http.errors import render
from bot.db.locks import ChatLocks, LocksLostError
from bot.db.statements import Statements
from common.postgres import create_engine, is_transient
from common.settings import DatabaseSettings

ENDED = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
ONE = text("SELECT 1")
REFUSED_CHATS = ("refused_chats", {"bot_id": 1})


class Proxy:
    """A proxy for PostgreSQL that can announce to clients that the server ends."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._clients: set[asyncio.StreamWriter] = set()

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._socket)
        self._clients.add(writer)
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    async def end_all(self) -> None:
        """As processes of the server do that are frozen before they close their sockets."""
        for client in self._clients:
            client.write(b"E" + (len(ENDED) + 4).to_bytes(4, "big") + ENDED)
            await client.drain()
        self._clients.clear()
        # Until it has been read.
        await asyncio.sleep(0.1)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def behind_a_proxy(
    database: DatabaseSettings,
) -> AsyncIterator[tuple[Proxy, DatabaseSettings]]:
    url = urlsplit(database.asyncpg_url)
    [account_cache] = parse_qs(url.query)["host"]
    proxy = Proxy(Path(account_cache, ".s.PGSQL.5432"))
    server = await asyncio.start_server(proxy.lead, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = f"postgresql://{url.username}@127.0.0.1:{port}{url.path}"
    try:
        yield proxy, DatabaseSettings.model_validate({"database_url": address, "db_pool_size": 1})
    finally:
        server.close()


async def test_a_pool_gives_an_ended_connection_out_once_at_most(database: DatabaseSettings):
    async with behind_a_proxy(database) as (proxy, settings):
        statements = Statements(settings)
        assert await statements.rows(*REFUSED_CHATS) == []
        await proxy.end_all()

        with pytest.raises(asyncpg.InternalClientError) as failed:
            await statements.rows(*REFUSED_CHATS)

        assert is_transient(failed.value)
        assert await statements.rows(*REFUSED_CHATS) == []
        await statements.close()


async def test_the_locks_of_an_ended_connection_are_lost(database: DatabaseSettings):
    async with behind_a_proxy(database) as (proxy, settings):
        leases = ChatLocks(settings.asyncpg_url, 1)
        await leases.open()
        await proxy.end_all()

        with pytest.raises(LocksLostError):
            await leases.open_chats()

        await leases.open()
        assert await leases.open_chats() == set()
        await leases.close()


async def test_an_engine_gives_an_ended_connection_to_nobody(database: DatabaseSettings):
    async with behind_a_proxy(database) as (proxy, settings):
        engine = create_engine(settings, application_name="tests")

        async with engine.connect() as connection:
            await connection.execute(ONE)
            await proxy.end_all()
            with pytest.raises(InternalError) as failed:
                await connection.execute(ONE)
        assert is_transient(failed.value)
        assert render(failed.value, request_id="1").status_code == HTTPStatus.SERVICE_UNAVAILABLE

        for _ in range(2):
            async with engine.connect() as connection:
                assert await connection.scalar(ONE) == 1
            await proxy.end_all()
        await engine.dispose()
