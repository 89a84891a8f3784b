"""Reads the names of the users in an answer from PostgreSQL.

Names are never cached: an erased user has no name in the very next answer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import String, cast, select
from sqlalchemy.exc import SQLAlchemyError

from api.http.timeouts import DEFAULT_TIMEOUTS
from api.people.bot_database import BotTables
from bot.db.tables import UserRow
from common.encryption import bindings
from common.encryption.sealing import UnreadableError, Vault
from common.log import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PersonName:
    name: str | None
    username: str | None


@dataclass(frozen=True, slots=True)
class Names:
    people: dict[int, PersonName]
    version: str
    """Changes when a name of these keys changes, appears or is erased."""


NO_NAMES = Names(people={}, version="")


def with_name(row: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """A table row with the name of its `user_key`."""
    person = names.people.get(row.get("user_key", 0))
    return {
        **row,
        "name": person.name if person else None,
        "username": person.username if person else None,
    }


class UserNames:
    """Decrypts the profiles of users.

    Args:
        tables: the bot's tables.
        vault: decrypts profiles.
        timeout_seconds: how long an answer waits for names.
    """

    def __init__(
        self,
        tables: BotTables,
        vault: Vault,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUTS.names_seconds,
    ) -> None:
        self._tables = tables
        self._vault = vault
        self._timeout_seconds = timeout_seconds

    async def fetch(self, keys: Collection[int]) -> Names:
        """Names by key. Absent: erased, unreadable, or the database is unavailable."""
        if not keys:
            return NO_NAMES
        statement = (
            select(
                UserRow.key,
                cast(UserRow.version, String),
                UserRow.wrapped_key,
                UserRow.telegram_hmac,
                UserRow.sealed_profile,
            )
            .where(UserRow.key.in_(sorted(keys)))
            .order_by(UserRow.key)
        )
        try:
            async with asyncio.timeout(self._timeout_seconds), self._tables.read_only() as session:
                rows = (await self._tables.run(session, "people_names", statement)).all()
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("names_unavailable", error=type(error).__name__)
            return Names(people={}, version="unavailable")
        digest = hashlib.sha256()
        people: dict[int, PersonName] = {}
        for key, version, wrapped_key, telegram_hmac, sealed_profile in rows:
            digest.update(f"{key}:{version};".encode())
            try:
                sealer = self._vault.user_sealer(wrapped_key, telegram_hmac)
                profile = orjson.loads(sealer.open(sealed_profile, bindings.profile(telegram_hmac)))
            except (UnreadableError, orjson.JSONDecodeError):
                continue
            people[key] = person_name(profile)
        return Names(people=people, version=digest.hexdigest()[:16])


def person_name(profile: dict[str, object]) -> PersonName:
    """The name in a profile as the bot stores it."""
    parts = [str(profile[part]) for part in ("first_name", "last_name") if profile.get(part)]
    username = profile.get("username")
    return PersonName(name=" ".join(parts) or None, username=str(username) if username else None)
