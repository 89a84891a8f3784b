"""PostgreSQL: engine, declarative base, transactions, waiting for the server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import BigInteger, FetchedValue, MetaData, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from common.backoff import backoff
from common.errors import SettingError, UnavailableError
from common.log import get_logger, redact
from common.postgres_url import PostgresUrl
from common.settings import DatabaseSettings

Sessions = async_sessionmaker[AsyncSession]

CONNECT_SECONDS = 10.0
"""A frozen server accepts a connection and never responds."""
MIN_SERVER_VERSION = 15
BACKEND = "SELECT pg_backend_pid()"
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0
# Wrong user or password, no such database, no right to connect.
REFUSED_STATES = ("28", "3D", "42501")
# Messages of asyncpg about a server without TLS, and of PgBouncer under ambiguous SQL states.
REFUSALS = (
    "rejected SSL upgrade",
    "unsupported startup parameter",
    "no such database",
    "no such user",
    "password authentication failed",
    "SASL authentication failed",
    "in statement pooling mode",
)
# Connection lost, transaction rolled back, out of resources, stopped by an operator.
TRANSIENT_STATES = ("08", "40", "53", "57")
DRIVER_ERRORS = (
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # Raised when the server sends something on an idle connection that it is about to close.
    asyncpg.InternalClientError,
    PoolTimeoutError,
    OSError,
)

log = get_logger(__name__)


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "xid8"


# For reflection, by the test that the schema equals the migrations.
ischema_names["xid8"] = Xid8


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: BigInteger}  # noqa: RUF012 # SQLAlchemy reads a plain class attribute


class Versioned:
    """Mixin for replicated rows: `version` is the transaction that wrote the row last.

    Set by the default on insert and by the trigger `refresh_version` on update.
    """

    version: Mapped[int] = mapped_column(
        Xid8, server_default=text("pg_current_xact_id()"), server_onupdate=FetchedValue()
    )


def create_engine(settings: DatabaseSettings, *, application_name: str) -> AsyncEngine:
    """An engine with pre-ping and connection recycling."""

    async def open_connection() -> asyncpg.Connection[asyncpg.Record]:
        return await connect(
            settings.asyncpg_url,
            application_name=application_name,
            statement_seconds=settings.db_statement_timeout_seconds,
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=open_connection,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        pool_timeout=settings.db_pool_timeout_seconds,
        pool_recycle=settings.db_pool_recycle_seconds,
        pool_pre_ping=True,
        hide_parameters=True,  # errors must not quote user data
    )


async def connect(
    url: str, *, application_name: str, statement_seconds: float | None = None
) -> asyncpg.Connection[asyncpg.Record]:
    """A connection without a pool; `url` in any form that libpq understands."""
    connection = await asyncpg.connect(
        PostgresUrl.parse(url).asyncpg,
        timeout=CONNECT_SECONDS,
        server_settings={"application_name": application_name, "timezone": "UTC"},
    )
    if statement_seconds is not None:
        await limit_statements(connection, statement_seconds)
    return connection


async def limit_statements(connection: asyncpg.Connection[asyncpg.Record], seconds: float) -> None:
    """Set this connection's statement timeout.

    With a statement, because PgBouncer refuses it as a connection parameter.
    """
    await connection.execute(f"SET statement_timeout = {int(seconds * 1000)}")


@asynccontextmanager
async def transaction(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """One unit of work: commits at the end, rolls back on any exception."""
    async with sessions() as session, session.begin():
        yield session


async def check_reachable(settings: DatabaseSettings) -> None:
    """Check the connection once, for a command.

    Raises:
        SettingError: PostgreSQL refuses DATABASE_URL or is unsuitable.
        UnavailableError: PostgreSQL is unavailable.
    """
    try:
        await _verify_server(settings)
    except DRIVER_ERRORS as error:
        _refuse_wrong_address(error)
        raise UnavailableError(
            f"DATABASE_URL: PostgreSQL cannot be reached: {first_line(error)}"
        ) from error


async def refuse_wrong_server(settings: DatabaseSettings) -> None:
    """The same for a service that starts even if PostgreSQL is unavailable.

    Raises:
        SettingError: PostgreSQL refuses DATABASE_URL or is unsuitable.
    """
    try:
        await check_reachable(settings)
    except UnavailableError as error:
        log.warning("starting without a database until it is available", cause=str(error))


async def wait_until_ready(
    settings: DatabaseSettings, verify: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Wait until PostgreSQL is available; logs when waiting begins and ends.

    Args:
        settings: the database.
        verify: called after connecting; may raise a StartupError.

    Raises:
        SettingError: PostgreSQL refuses DATABASE_URL or is unsuitable.
        DBAPIError: `verify` failed, and not because of a lost connection.
    """
    clock = asyncio.get_running_loop().time
    started, is_told = clock(), False
    for pause in backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS):
        try:
            await _verify_server(settings)
            if verify:
                await verify()
        except DRIVER_ERRORS as error:
            _refuse_wrong_address(error)
            if not is_transient(error):
                raise
            if not is_told:
                log.warning("PostgreSQL cannot be reached, waiting", cause=first_line(error))
                is_told = True
        else:
            if is_told:
                log.info("PostgreSQL answers", waited_seconds=round(clock() - started, 1))
            return
        await asyncio.sleep(pause)


async def _verify_server(settings: DatabaseSettings) -> None:
    """Refuse a server that is too old, and a pooler in transaction mode."""
    async with asyncio.timeout(CONNECT_SECONDS), AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(_plain_connection(settings)) for _ in range(2)
        ]
        version = first.get_server_version()
        if version.major < MIN_SERVER_VERSION:
            raise SettingError(
                "DATABASE_URL",
                f"PostgreSQL {version.major} is too old: {MIN_SERVER_VERSION} or later is needed",
            )
        session = await _backend(first)
        # A pooler would reuse the session that the first connection just returned.
        async with second.transaction():
            shared = await second.fetchval(BACKEND) == session
            if shared or await _backend(first) != session:
                raise SettingError(
                    "DATABASE_URL",
                    "is a pooler in transaction mode, which keeps no locks and no"
                    " notifications: use its session mode or the server's own address",
                )


@asynccontextmanager
async def _plain_connection(
    settings: DatabaseSettings,
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    # Without prepared statements, which a pooler in transaction mode would lose.
    connection = await asyncpg.connect(settings.asyncpg_url, statement_cache_size=0)
    try:
        yield connection
    finally:
        connection.terminate()


async def _backend(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    async with connection.transaction():
        return int(await connection.fetchval(BACKEND))


def is_transient(error: BaseException) -> bool:
    """Whether the database was unavailable, rather than refusing the statement."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return error.connection_invalidated or state.startswith(TRANSIENT_STATES) or not state
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(TRANSIENT_STATES)
    return isinstance(error, DRIVER_ERRORS)


def _refuse_wrong_address(error: BaseException) -> None:
    cause = getattr(error, "orig", None) or error
    state = str(getattr(cause, "sqlstate", None) or "")
    if (
        state.startswith(REFUSED_STATES)
        or isinstance(cause, ssl.SSLCertVerificationError | asyncpg.ClientConfigurationError)
        or any(words in str(cause) for words in REFUSALS)
    ):
        raise SettingError("DATABASE_URL", f"PostgreSQL refuses it: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """A driver's error message on one line, redacted; with the detail of a missing privilege."""
    said = str(error).strip()
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        said = said.replace("\nDETAIL: ", ":", 1)
    return redact(said.splitlines()[0]) if said else type(error).__name__
