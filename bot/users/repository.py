"""Who a Telegram account is to us: a key, a sealer, a language. Knows nothing about messages.

People are selected before they are inserted: an upsert would burn a key each time.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import User
from bot.telegram.updates import Sender
from common import bindings
from common.errors import SettingError
from common.postgres import Sessions, transaction
from common.sealing import Sealer, UnreadableError, Vault

REMEMBERED_PEOPLE = 10_000
TRIED_PEOPLE = 10
"""The newest, of whom DATA_KEY must open one."""


@dataclass(frozen=True)
class Person:
    """A stored account. `sealer` opens and seals this person's texts."""

    key: int
    sealer: Sealer
    language: str | None = None


@dataclass(frozen=True)
class _Known:
    person: Person
    sender: Sender


class People:
    """Finds people by Telegram id, and remembers the recent ones.

    What is remembered may have been erased meanwhile by another process: whoever writes for a
    person holds the row (`FOR KEY SHARE`) and calls `forget` when it is gone.
    """

    def __init__(self, vault: Vault, sessions: Sessions) -> None:
        self._vault = vault
        self._sessions = sessions
        self._remembered: OrderedDict[int, _Known] = OrderedDict()

    async def ensure(self, senders: Iterable[Sender]) -> dict[int, Person]:
        """The person of each sender, by Telegram id; made when there is none.

        Absent: their row in the database was damaged or exchanged, and is refused.
        """
        wanted = {sender.telegram_id: sender for sender in senders}
        found = {
            telegram_id: known.person
            for telegram_id, sender in wanted.items()
            if (known := self._recall(telegram_id)) and known.sender == sender
        }
        missing = [sender for sender in wanted.values() if sender.telegram_id not in found]
        if missing:
            async with transaction(self._sessions) as session:
                found |= await self._load_or_create(session, missing)
            for sender in missing:
                if person := found.get(sender.telegram_id):
                    self._remember(sender, person)
        return found

    async def find(self, telegram_ids: Iterable[int]) -> dict[int, Person]:
        """The people among these accounts that are known already."""
        wanted = set(telegram_ids)
        found = {
            telegram_id: known.person
            for telegram_id in wanted
            if (known := self._recall(telegram_id))
        }
        missing = wanted - found.keys()
        if missing:
            by_hmac = {self._hmac(telegram_id): telegram_id for telegram_id in missing}
            async with self._sessions() as session:
                rows = await self._select(session, by_hmac)
            for row in rows:
                with contextlib.suppress(UnreadableError):
                    found[by_hmac[row.telegram_hmac]] = self._person(row)
        return found

    def forget(self, telegram_id: int) -> None:
        """Drop what is remembered of this account; the next `ensure` asks the database."""
        self._remembered.pop(telegram_id, None)

    def forget_key(self, user_key: int) -> None:
        """The same, for a person known by key (erased by another process)."""
        for telegram_id, known in list(self._remembered.items()):
            if known.person.key == user_key:
                del self._remembered[telegram_id]

    async def create_again(self, session: AsyncSession, sender: Sender) -> Person:
        """A new person for an account whose row was deleted in this transaction."""
        self.forget(sender.telegram_id)
        return (await self._load_or_create(session, [sender]))[sender.telegram_id]

    async def set_blocked(self, person: Person, *, at: datetime | None) -> None:
        """The person blocked the bot at this moment, or unblocked it (None)."""
        async with transaction(self._sessions) as session:
            await session.execute(update(User).where(User.key == person.key).values(blocked_at=at))

    async def set_source(self, person: Person, source: str) -> None:
        """Keep the payload of the first /start; a later one does not replace it."""
        async with transaction(self._sessions) as session:
            await session.execute(
                update(User)
                .where(User.key == person.key, User.source.is_(None))
                .values(source=source)
            )

    async def refuse_another_data_key(self) -> None:
        """Make sure that DATA_KEY fits the people in the database.

        With another one everybody would look new, and no text could be read.

        Raises:
            SettingError: it does not.
        """
        async with self._sessions() as session:
            newest = await session.scalars(
                select(User).order_by(User.key.desc()).limit(TRIED_PEOPLE)
            )
            rows = list(newest)
        refusal: UnreadableError | None = None
        for row in rows:
            try:
                profile = self._profile_of(row, self._sealer_of(row))
            except UnreadableError as error:
                # One row may be damaged; all of them say that the key is another one.
                refusal = error
                continue
            if self._hmac(profile["telegram_id"]) != row.telegram_hmac:
                raise SettingError(
                    "DATA_KEY",
                    "finds nobody of this database: make a new key by"
                    " python -m bot.users.key_rotation next",
                )
            return
        if refusal:
            raise SettingError(
                "DATA_KEY", "is not the key that the people in this database were written with"
            ) from refusal

    async def _load_or_create(
        self, session: AsyncSession, senders: list[Sender]
    ) -> dict[int, Person]:
        by_hmac = {self._hmac(sender.telegram_id): sender for sender in senders}
        rows = {row.telegram_hmac: row for row in await self._select(session, by_hmac)}
        new = [hmac for hmac in by_hmac if hmac not in rows]
        if new:
            await session.execute(
                insert(User)
                .values([self._new_row(hmac, by_hmac[hmac]) for hmac in sorted(new)])
                .on_conflict_do_nothing(index_elements=[User.telegram_hmac])
            )
            rows |= {row.telegram_hmac: row for row in await self._select(session, new)}
        people = {}
        for hmac, sender in by_hmac.items():
            try:
                person = self._person(rows[hmac])
            except UnreadableError:
                continue
            people[sender.telegram_id] = person
            if hmac not in new:
                await self._refresh(session, rows[hmac], person, sender)
        return people

    async def _refresh(
        self, session: AsyncSession, row: User, person: Person, sender: Sender
    ) -> None:
        stated = orjson.loads(_profile(sender))
        try:
            is_current = self._profile_of(row, person.sealer) == stated
        except UnreadableError:
            is_current = False
        if is_current and row.language == sender.language:
            return
        await session.execute(
            update(User)
            .where(User.key == person.key)
            .values(
                language=sender.language,
                sealed_profile=person.sealer.seal(
                    _profile(sender), bindings.profile(row.telegram_hmac)
                ),
                updated_at=func.now(),
            )
        )

    async def _select(self, session: AsyncSession, hmacs: Iterable[bytes]) -> list[User]:
        is_wanted: ColumnElement[bool] = User.telegram_hmac == func.any(list(hmacs))
        rows = await session.execute(
            select(User).where(is_wanted).execution_options(populate_existing=True)
        )
        return list(rows.scalars())

    def _new_row(self, hmac: bytes, sender: Sender) -> dict[str, object]:
        sealer, wrapped_key = self._vault.new_person(hmac)
        return {
            "telegram_hmac": hmac,
            "wrapped_key": wrapped_key,
            "sealed_profile": sealer.seal(_profile(sender), bindings.profile(hmac)),
            "language": sender.language,
            "is_person": sender.is_person,
        }

    def _person(self, row: User) -> Person:
        sealer = self._sealer_of(row)
        if self._vault.policy.accepts_unbound:
            # A key that is bound to no row may be that of another: the profile tells.
            stated = self._profile_of(row, sealer)["telegram_id"]
            if self._hmac(stated) != row.telegram_hmac:
                raise UnreadableError("the profile of another person")
        return Person(row.key, sealer, row.language)

    def _sealer_of(self, row: User) -> Sealer:
        return self._vault.person(row.wrapped_key, row.telegram_hmac)

    @staticmethod
    def _profile_of(row: User, sealer: Sealer) -> dict[str, Any]:
        profile: dict[str, Any] = orjson.loads(
            sealer.open(row.sealed_profile, bindings.profile(row.telegram_hmac))
        )
        return profile

    def _hmac(self, telegram_id: int) -> bytes:
        return self._vault.lookup("user", telegram_id)

    def _recall(self, telegram_id: int) -> _Known | None:
        known = self._remembered.get(telegram_id)
        if known:
            self._remembered.move_to_end(telegram_id)
        return known

    def _remember(self, sender: Sender, person: Person) -> None:
        self._remembered[sender.telegram_id] = _Known(person, sender)
        self._remembered.move_to_end(sender.telegram_id)
        while len(self._remembered) > REMEMBERED_PEOPLE:
            self._remembered.popitem(last=False)


def _profile(sender: Sender) -> bytes:
    return orjson.dumps(
        {
            "telegram_id": sender.telegram_id,
            "username": _clean(sender.username),
            "first_name": _clean(sender.first_name),
            "last_name": _clean(sender.last_name),
        }
    )


def _clean(name: str | None) -> str | None:
    # Telegram's JSON may carry half of a surrogate pair, which UTF-8 cannot hold.
    return None if name is None else name.encode("utf-8", "replace").decode()
