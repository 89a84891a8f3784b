"""Opens the driver's connections to one node of ClickHouse."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from warehouse.clickhouse.server_version import refuse_old_server
from warehouse.errors import ServerTooOldError, WarehouseUnavailableError, translate

if TYPE_CHECKING:
    # Slow to import, and not for processes that only write.
    from clickhouse_connect.driver.asyncclient import AsyncClient

    from warehouse.clickhouse.liveness import Liveness

CONNECT_SECONDS = 5
# The drivers raise these beside their own errors when a socket breaks.
DRIVER_ERRORS = (ClickHouseError, OSError, TimeoutError)


@contextmanager
def our_errors(name: str) -> Iterator[None]:
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translate(error, name=name) from error


def open_writer(url: str, *, answer_seconds: int) -> Client:
    """A synchronous connection.

    Raises:
        ServerTooOldError: the server is older than this project.
    """
    client: Client = clickhouse_connect.get_client(
        dsn=url,
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=answer_seconds,
        autogenerate_session_id=False,
        tz_mode="aware",
        client_name="dialytics-writer",
        # Compression took two fifths of the time of a bulk insert.
        compress=False,
        # Its own pool: a process forked from this one must not share sockets.
        dedicated_pool=True,
    )
    try:
        refuse_old_server(client.server_version)
    except ServerTooOldError:
        client.close()
        raise
    return client


class NodeConnection:
    """A reader's connection to one node."""

    def __init__(
        self, url: str, *, liveness: Liveness, answer_seconds: int, allowed: frozenset[str]
    ) -> None:
        self._url = url
        self._liveness = liveness
        self._answer_seconds = answer_seconds
        self._allowed = allowed
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def query(
        self, sql: str, parameters: dict[str, Any], settings: dict[str, Any]
    ) -> list[dict[str, Any]]:
        return await self._liveness.watch(self._query(sql, parameters, settings))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _query(
        self, sql: str, parameters: dict[str, Any], settings: dict[str, Any]
    ) -> list[dict[str, Any]]:
        client = await self._open()
        result = await client.query(sql, parameters=parameters, settings=settings)
        return list(result.named_results())

    async def _open(self) -> AsyncClient:
        async with self._opening:
            if self._client is None:
                try:
                    client = await clickhouse_connect.get_async_client(
                        dsn=self._url,
                        connect_timeout=CONNECT_SECONDS,
                        send_receive_timeout=self._answer_seconds,
                        autogenerate_session_id=False,
                        tz_mode="aware",
                        client_name="dialytics-reader",
                        # Answers are kilobytes. Parameters travel in the URL, and as a form, a
                        # packet for each of its lines, only when they are more than it may hold.
                        compress=False,
                    )
                except DRIVER_ERRORS as error:
                    raise WarehouseUnavailableError("ClickHouse does not answer") from error
                try:
                    refuse_old_server(client.server_version)
                except ServerTooOldError:
                    await client.close()
                    raise
                # The driver refuses to send what a read-only user may not raise, although the
                # user may lower it. The server judges.
                for setting in self._allowed:
                    client.server_settings.pop(setting, None)
                self._client = client
            return self._client
