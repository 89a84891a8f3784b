"""The door to PostgreSQL: engine, declarative base, and the only place that commits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import BigInteger, FetchedValue, MetaData, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from common.errors import SettingError
from common.log import redact
from common.settings import DatabaseSettings

Sessions = async_sessionmaker[AsyncSession]


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
    """Connect once.

    Raises:
        SettingError: PostgreSQL cannot be reached, naming DATABASE_URL.
    """
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception as error:
        # Every driver and socket error means the same to the operator: this address is wrong.
        cause = redact(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise SettingError("DATABASE_URL", f"PostgreSQL cannot be reached: {cause}") from error
