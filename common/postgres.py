"""The door to PostgreSQL: engine, declarative base, and the only place that commits."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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

from common.errors import SettingError, UnavailableError
from common.log import get_logger, redact
from common.settings import DatabaseSettings

Sessions = async_sessionmaker[AsyncSession]

CONNECT_SECONDS = 10.0
"""A frozen server accepts a connection and says nothing."""
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0
# Wrong user or password, no such database, no right to connect.
REFUSED_STATES = ("28", "3D", "42501")
# Connection lost, transaction rolled back, out of resources, stopped by an operator.
TRANSIENT_STATES = ("08", "40", "53", "57")
DRIVER_ERRORS = (
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    PoolTimeoutError,
    OSError,
)

log = get_logger(__name__)


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "xid8"


# Reflection (the test that schema == migrations) must know the type too.
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
    """A row that replication follows: `version` is the transaction that wrote it last.

    The default covers inserts, the trigger `refresh_version` covers updates.
    """

    version: Mapped[int] = mapped_column(
        Xid8, server_default=text("pg_current_xact_id()"), server_onupdate=FetchedValue()
    )


def create_engine(settings: DatabaseSettings, *, application_name: str) -> AsyncEngine:
    """An engine whose connections are checked before use and replaced after an hour."""
    return create_async_engine(
        settings.asyncpg_url,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        pool_timeout=settings.db_pool_timeout_seconds,
        pool_recycle=settings.db_pool_recycle_seconds,
        pool_pre_ping=True,
        hide_parameters=True,  # an error's message must not quote what was written
        connect_args={
            "server_settings": {
                "application_name": application_name,
                "statement_timeout": str(int(settings.db_statement_timeout_seconds * 1000)),
                "timezone": "UTC",
            }
        },
    )


@asynccontextmanager
async def transaction(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """One unit of work: commits at the end, rolls back on any exception. Nothing else commits."""
    async with sessions() as session, session.begin():
        yield session


async def check_reachable(engine: AsyncEngine) -> None:
    """Connect once, for a command that a person runs.

    Raises:
        SettingError: PostgreSQL refuses DATABASE_URL.
        UnavailableError: PostgreSQL does not answer.
    """
    try:
        await _connect(engine)
    except DRIVER_ERRORS as error:
        _refuse_wrong_address(error)
        raise UnavailableError(
            f"DATABASE_URL: PostgreSQL cannot be reached: {first_line(error)}"
        ) from error


async def wait_until_ready(
    engine: AsyncEngine, verify: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Wait for PostgreSQL, however long that takes: one line when it begins, one when it ends.

    Args:
        engine: who is asked.
        verify: asked after each successful connection; may raise a StartupError.

    Raises:
        SettingError: PostgreSQL answers and refuses DATABASE_URL. Waiting would not help.
        DBAPIError: `verify` failed in another way than by a lost connection.
    """
    clock = asyncio.get_running_loop().time
    started, pause, is_told = clock(), FIRST_PAUSE_SECONDS, False
    while True:
        try:
            await _connect(engine)
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
        pause = min(pause * 2, MAX_PAUSE_SECONDS)


async def _connect(engine: AsyncEngine) -> None:
    async with asyncio.timeout(CONNECT_SECONDS), engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


def is_transient(error: BaseException) -> bool:
    """Whether the database could not be asked, rather than that it refused."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return error.connection_invalidated or state.startswith(TRANSIENT_STATES) or not state
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(TRANSIENT_STATES)
    return isinstance(error, asyncpg.InterfaceError | PoolTimeoutError | OSError)


def _refuse_wrong_address(error: BaseException) -> None:
    cause = getattr(error, "orig", None) or error
    state = str(getattr(cause, "sqlstate", None) or "")
    if state.startswith(REFUSED_STATES) or isinstance(cause, ssl.SSLCertVerificationError):
        raise SettingError("DATABASE_URL", f"PostgreSQL refuses it: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """What a driver says, in one line without credentials."""
    said = str(error).strip()
    return redact(said.splitlines()[0]) if said else type(error).__name__
