"""The two stores before they are migrated: waiting until they answer, and their revisions."""

from __future__ import annotations

import asyncio
import base64
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from sqlalchemy import Connection, create_engine, inspect, text

from common.errors import SettingError, UnavailableError
from common.log import get_logger, redact
from common.postgres import wait_until_ready
from common.settings import DatabaseSettings, load
from warehouse.clickhouse.server_version import refuse_old_server
from warehouse.errors import ServerTooOldError
from warehouse.settings import WarehouseSettings

ANSWER_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0
# Wrong user or password, in the words of HTTP.
REFUSED_STATUSES = frozenset({401, 403})

log = get_logger(__name__)


def wait_for_postgres(*, seconds: float) -> None:
    """Return once PostgreSQL answers.

    Raises:
        SettingError: it refuses DATABASE_URL.
        UnavailableError: it did not answer within `seconds`.
    """
    try:
        asyncio.run(asyncio.wait_for(_postgres_answers(), seconds))
    except TimeoutError as error:
        raise _unavailable("PostgreSQL", seconds) from error


async def _postgres_answers() -> None:
    await wait_until_ready(load(DatabaseSettings))


def wait_for_clickhouse(*, seconds: float) -> None:
    """Return once ClickHouse answers; its database need not exist yet.

    Raises:
        SettingError: it refuses CLICKHOUSE_URL, or is too old.
        UnavailableError: it did not answer within `seconds`.
    """
    parts = urlsplit(load(WarehouseSettings).writer_url)
    host = parts.netloc.rpartition("@")[2]
    login = f"{unquote(parts.username or 'default')}:{unquote(parts.password or '')}"
    request = urllib.request.Request(  # noqa: S310 # http or https, by the settings
        urlunsplit((parts.scheme, host, "/", "query=SELECT%20version()", "")),
        headers={"Authorization": "Basic " + base64.b64encode(login.encode()).decode()},
    )
    deadline, pause, is_told = time.monotonic() + seconds, FIRST_PAUSE_SECONDS, False
    while True:
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 # the same
                refuse_old_server(answer.read().decode().strip())
                return
        except ServerTooOldError as error:
            raise SettingError("CLICKHOUSE_URL", str(error)) from error
        except urllib.error.HTTPError as error:
            if error.code in REFUSED_STATUSES:
                raise SettingError(
                    "CLICKHOUSE_URL", "ClickHouse refuses its user or password"
                ) from error
            cause = f"HTTP {error.code}"
        except OSError as error:
            cause = redact(str(error))
        if time.monotonic() + pause > deadline:
            raise _unavailable("ClickHouse", seconds)
        if not is_told:
            log.warning("ClickHouse cannot be reached, waiting", cause=cause)
            is_told = True
        time.sleep(pause)
        pause = min(pause * 2, MAX_PAUSE_SECONDS)


def _unavailable(store: str, seconds: float) -> UnavailableError:
    return UnavailableError(
        f"{store} did not answer within {seconds:g} s (MIGRATION_WAIT_SECONDS); nothing was changed"
    )


def is_configured(store: str) -> bool:
    """Whether the address of this store is set at all.

    Raises:
        SettingError: it is set and wrong.
    """
    try:
        load(DatabaseSettings if store == "postgres" else WarehouseSettings)
    except SettingError as error:
        if str(error).endswith(": is not set"):
            return False
        raise
    return True


def current_revision(store: str) -> str | None:
    """The newest revision that a store has; None before the first."""
    with _connected(store) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        # The highest of several rows counts: ClickHouse updates none in place.
        revision = connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar()
    return str(revision) if revision else None


@contextmanager
def _connected(store: str) -> Iterator[Connection]:
    if store == "postgres":
        address = load(DatabaseSettings).libpq_url
        engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(address))
    else:
        url = urlsplit(load(WarehouseSettings).writer_url)._replace(scheme="clickhousedb")
        engine = create_engine(urlunsplit(url))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
