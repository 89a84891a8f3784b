"""Users by Telegram id, with a cache.

Rows are selected before they are inserted: an upsert would consume a key each time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from cachetools import LRUCache
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import UserRow
from bot.telegram.updates import TelegramUser
from common.encryption import bindings
from common.encryption.sealing import Sealer, UnreadableError, Vault
from common.errors import SettingError
from common.postgres import Sessions, transaction
from common.text import without_surrogates

MAX_REMEMBERED_USERS = 10_000
MAX_TRIED_USERS = 10
"""DATA_KEY must open one of this many newest users."""


@dataclass(frozen=True)
class User:
    """A stored user. `sealer` opens and seals their texts."""

    key: int
    sealer: Sealer
    language: str | None = None


@dataclass(frozen=True)
class _Known:
    user: User
    telegram_user: TelegramUser


class UserRepository:
    """Finds users by Telegram id, and caches recent ones.

    A cached user may have been erased by another process: writers lock the row (`FOR KEY SHARE`)
    and call `forget` if it is gone.
    """

    def __init__(self, vault: Vault, sessions: Sessions) -> None:
        self._vault = vault
        self._sessions = sessions
        self._remembered: LRUCache[int, _Known] = LRUCache(MAX_REMEMBERED_USERS)

    async def get_or_create(self, telegram_users: Iterable[TelegramUser]) -> dict[int, User]:
        """The user of each account, by Telegram id; created if there is none.

        Accounts whose row is damaged or was swapped are absent.
        """
        wanted = {telegram_user.telegram_id: telegram_user for telegram_user in telegram_users}
        found = {
            telegram_id: known.user
            for telegram_id, telegram_user in wanted.items()
            if (known := self._remembered.get(telegram_id)) and known.telegram_user == telegram_user
        }
        missing = [
            telegram_user
            for telegram_user in wanted.values()
            if telegram_user.telegram_id not in found
        ]
        if missing:
            async with transaction(self._sessions) as session:
                found |= await self._load_or_create(session, missing)
            for telegram_user in missing:
                if user := found.get(telegram_user.telegram_id):
                    self._remembered[telegram_user.telegram_id] = _Known(user, telegram_user)
        return found

    async def find(self, telegram_ids: Iterable[int]) -> dict[int, User]:
        """The existing users among these accounts."""
        wanted = set(telegram_ids)
        found = {
            telegram_id: known.user
            for telegram_id in wanted
            if (known := self._remembered.get(telegram_id))
        }
        missing = wanted - found.keys()
        if missing:
            by_hmac = {self._hmac(telegram_id): telegram_id for telegram_id in missing}
            async with self._sessions() as session:
                rows = await self._select(session, by_hmac)
            for row in rows:
                with contextlib.suppress(UnreadableError):
                    found[by_hmac[row.telegram_hmac]] = self._user(row)
        return found

    def forget(self, telegram_id: int) -> None:
        """Remove this account from the cache."""
        self._remembered.pop(telegram_id, None)

    async def create_again(self, session: AsyncSession, telegram_user: TelegramUser) -> User:
        """Create a new user for an account whose row was deleted in this transaction."""
        self.forget(telegram_user.telegram_id)
        return (await self._load_or_create(session, [telegram_user]))[telegram_user.telegram_id]

    async def set_source(self, user: User, source: str) -> None:
        """Store the payload of the first /start; later ones do not replace it."""
        async with transaction(self._sessions) as session:
            await session.execute(
                update(UserRow)
                .where(UserRow.key == user.key, UserRow.source.is_(None))
                .values(source=source)
            )

    async def refuse_another_data_key(self) -> None:
        """Check that DATA_KEY matches the users in the database.

        With another key every user would look new, and no text could be read.

        Raises:
            SettingError: it does not match.
        """
        async with self._sessions() as session:
            newest = await session.scalars(
                select(UserRow).order_by(UserRow.key.desc()).limit(MAX_TRIED_USERS)
            )
            rows = list(newest)
        refusal: UnreadableError | None = None
        for row in rows:
            try:
                profile = self._profile_of(row, self._sealer_of(row))
            except UnreadableError as error:
                # A single row may be damaged; if all are unreadable, the key is wrong.
                refusal = error
                continue
            if self._hmac(profile["telegram_id"]) != row.telegram_hmac:
                raise SettingError(
                    "DATA_KEY",
                    "matches no user of this database: create a successor of the old key with"
                    " python -m bot.users.key_rotation next",
                )
            return
        if refusal:
            raise SettingError(
                "DATA_KEY", "is not the key that the users of this database were sealed with"
            ) from refusal

    async def _load_or_create(
        self, session: AsyncSession, telegram_users: list[TelegramUser]
    ) -> dict[int, User]:
        by_hmac = {
            self._hmac(telegram_user.telegram_id): telegram_user for telegram_user in telegram_users
        }
        rows = {row.telegram_hmac: row for row in await self._select(session, by_hmac)}
        new = [hmac for hmac in by_hmac if hmac not in rows]
        if new:
            await session.execute(
                insert(UserRow)
                .values([self._new_row(hmac, by_hmac[hmac]) for hmac in sorted(new)])
                .on_conflict_do_nothing(index_elements=[UserRow.telegram_hmac])
            )
            rows |= {row.telegram_hmac: row for row in await self._select(session, new)}
        users = {}
        for hmac, telegram_user in by_hmac.items():
            try:
                user = self._user(rows[hmac])
            except UnreadableError:
                continue
            users[telegram_user.telegram_id] = user
            if hmac not in new:
                await self._refresh(session, rows[hmac], user, telegram_user)
        return users

    async def _refresh(
        self, session: AsyncSession, row: UserRow, user: User, telegram_user: TelegramUser
    ) -> None:
        stated = orjson.loads(_profile(telegram_user))
        try:
            is_current = self._profile_of(row, user.sealer) == stated
        except UnreadableError:
            is_current = False
        if is_current and row.language == telegram_user.language:
            return
        await session.execute(
            update(UserRow)
            .where(UserRow.key == user.key)
            .values(
                language=telegram_user.language,
                sealed_profile=user.sealer.seal(
                    _profile(telegram_user), bindings.profile(row.telegram_hmac)
                ),
                updated_at=func.now(),
            )
        )

    async def _select(self, session: AsyncSession, hmacs: Iterable[bytes]) -> list[UserRow]:
        is_wanted: ColumnElement[bool] = UserRow.telegram_hmac == func.any(list(hmacs))
        rows = await session.execute(
            select(UserRow).where(is_wanted).execution_options(populate_existing=True)
        )
        return list(rows.scalars())

    def _new_row(self, hmac: bytes, telegram_user: TelegramUser) -> dict[str, object]:
        sealer, wrapped_key = self._vault.new_user_key(hmac)
        return {
            "telegram_hmac": hmac,
            "wrapped_key": wrapped_key,
            "sealed_profile": sealer.seal(_profile(telegram_user), bindings.profile(hmac)),
            "language": telegram_user.language,
            "is_person": telegram_user.is_person,
        }

    def _user(self, row: UserRow) -> User:
        sealer = self._sealer_of(row)
        if self._vault.policy.accepts_unbound:
            # An unbound key may belong to another row: check the profile.
            stated = self._profile_of(row, sealer)["telegram_id"]
            if self._hmac(stated) != row.telegram_hmac:
                raise UnreadableError("the profile of another user")
        return User(row.key, sealer, row.language)

    def _sealer_of(self, row: UserRow) -> Sealer:
        return self._vault.user_sealer(row.wrapped_key, row.telegram_hmac)

    @staticmethod
    def _profile_of(row: UserRow, sealer: Sealer) -> dict[str, Any]:
        profile: dict[str, Any] = orjson.loads(
            sealer.open(row.sealed_profile, bindings.profile(row.telegram_hmac))
        )
        return profile

    def _hmac(self, telegram_id: int) -> bytes:
        return self._vault.lookup("user", telegram_id)


def _profile(telegram_user: TelegramUser) -> bytes:
    names = {
        "username": telegram_user.username,
        "first_name": telegram_user.first_name,
        "last_name": telegram_user.last_name,
    }
    cleaned = {key: name and without_surrogates(name) for key, name in names.items()}
    return orjson.dumps({"telegram_id": telegram_user.telegram_id, **cleaned})
