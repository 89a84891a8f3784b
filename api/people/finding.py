"""Finds persons and chats: by key, Telegram id, dialog, or @name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import Row, func, select

from api.errors import NotFoundError, RefusedError
from api.people.bot_database import BotTables
from api.people.names import PersonName, person_name
from api.people.rules import Subject, SubjectKind
from bot.db.tables import Dialog, UserRow
from common.encryption import bindings
from common.encryption.sealing import UnreadableError, Vault
from common.vocabulary import ChatType

PAGE_ROWS = 2_000
MAX_SEARCHED = 200_000
"""Profiles that one search opens, the newest first."""
MAX_FOUND = 20


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Persons with a name; not complete if there are more, or more profiles to search."""

    people: list[Subject]
    is_complete: bool


class SubjectFinder:
    """Finds the subjects of rules in the bot's tables."""

    def __init__(self, tables: BotTables, vault: Vault) -> None:
        self._tables = tables
        self._vault = vault

    async def by_key(self, user_key: int) -> Subject:
        """The person with this key.

        Raises:
            NotFoundError: there is none.
        """
        statement = select(UserRow.telegram_hmac).where(UserRow.key == user_key)
        async with self._tables.read_only() as session:
            hmac = (await self._tables.run(session, "person", statement)).scalar_one_or_none()
        if hmac is None:
            raise NotFoundError("Person not found. They may have erased their data.")
        return Subject(SubjectKind.PERSON, hmac, user_key=user_key)

    async def by_telegram_id(self, telegram_id: int) -> Subject:
        """The person with this account, who need not have written yet."""
        hmac = self._vault.lookup("user", telegram_id)
        statement = select(UserRow.key).where(
            UserRow.telegram_hmac == func.decode(hmac.hex(), "hex")
        )
        async with self._tables.read_only() as session:
            key = (await self._tables.run(session, "person", statement)).scalar_one_or_none()
        return Subject(SubjectKind.PERSON, hmac, user_key=key)

    async def by_dialog(self, dialog_id: UUID) -> Subject:
        """The group of a dialog.

        Raises:
            NotFoundError: there is no such dialog.
            RefusedError: it is a private chat.
        """
        statement = select(Dialog.chat_hmac, Dialog.chat_type).where(Dialog.id == dialog_id)
        async with self._tables.read_only() as session:
            found = (await self._tables.run(session, "dialog", statement)).one_or_none()
        if found is None:
            raise NotFoundError("Dialog not found. It may have been erased.")
        if found.chat_type == ChatType.PRIVATE:
            raise RefusedError("This chat is private: name the person by user_key.")
        return Subject(SubjectKind.CHAT, found.chat_hmac, dialog_id=dialog_id)

    def by_chat_id(self, chat_id: int) -> Subject:
        """The group with this Telegram id."""
        return Subject(SubjectKind.CHAT, self._vault.lookup("chat", chat_id))

    async def by_username(self, username: str) -> SearchResult:
        """The persons who last wrote under this @name. Names can change hands."""
        wanted = username.removeprefix("@").casefold()
        return await self._search(lambda name: (name.username or "").casefold() == wanted)

    async def by_name(self, text: str) -> SearchResult:
        """The persons whose name, or whose @name if the text begins with @, contains the text."""
        wanted = text.removeprefix("@").casefold()
        is_username = text.startswith("@")

        def matches(person: PersonName) -> bool:
            names = (person.username, None if is_username else person.name)
            return any(wanted in name.casefold() for name in names if name)

        return await self._search(matches)

    async def _search(self, matches: Callable[[PersonName], bool]) -> SearchResult:
        found: list[Subject] = []
        before: int | None = None
        for _ in range(MAX_SEARCHED // PAGE_ROWS):
            statement = (
                select(
                    UserRow.key, UserRow.wrapped_key, UserRow.telegram_hmac, UserRow.sealed_profile
                )
                .order_by(UserRow.key.desc())
                .limit(PAGE_ROWS)
            )
            if before is not None:
                statement = statement.where(UserRow.key < before)
            async with self._tables.read_only() as session:
                rows = (await self._tables.run(session, "people_search", statement)).all()
            # In a thread: opening a page of profiles takes tens of milliseconds.
            found += await asyncio.to_thread(self._named, rows, matches)
            if len(found) > MAX_FOUND:
                break
            if len(rows) < PAGE_ROWS:
                return SearchResult(found, is_complete=True)
            before = rows[-1].key
        return SearchResult(found[:MAX_FOUND], is_complete=False)

    def _named(
        self,
        rows: Sequence[Row[int, bytes, bytes, bytes]],
        matches: Callable[[PersonName], bool],
    ) -> list[Subject]:
        found = []
        for key, wrapped_key, hmac, sealed in rows:
            try:
                sealer = self._vault.user_sealer(wrapped_key, hmac)
                profile = orjson.loads(sealer.open(sealed, bindings.profile(hmac)))
            except (UnreadableError, orjson.JSONDecodeError):
                continue
            if matches(person_name(profile)):
                found.append(Subject(SubjectKind.PERSON, hmac, user_key=key))
        return found
