"""Re-seals values with the first data key, bound to their row. Idempotent.

Reads every row and changes only those that need it, so that a run can be stopped and repeated.
The marker is set after a pass that found nothing to change.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Row, text

from common.encryption import bindings
from common.encryption.bindings import Binding
from common.encryption.sealing import ACCEPTS_UNBOUND, Sealer, UnreadableError, Vault
from common.log import get_logger
from common.postgres import Sessions, transaction

PAGE = 500
PAUSE_SECONDS = 1.0
"""Pause before rows are retried that another process was changing."""

SET_MARKER = text("INSERT INTO sealing_marker DEFAULT VALUES ON CONFLICT DO NOTHING")

log = get_logger(__name__)


@dataclass
class RewrapResult:
    """The last line of `rewrap`."""

    people: int = 0
    updates: int = 0
    texts: int = 0
    """Profiles, system prompts, messages and provider messages."""
    unreadable: int = 0
    """Values that neither key opens, or that were sealed for another row."""
    bound: bool = False
    """Whether the marker is set: unbound values are refused."""
    ok: bool = True


@dataclass(frozen=True)
class _Table:
    """A table with sealed columns: its rows with their owner's key, by primary key."""

    name: str
    keys: Mapping[str, str]
    """Primary key columns and their types."""
    columns: tuple[str, ...]
    """Sealed columns."""
    rows: str
    """FROM and WHERE; the table is called `sealed`, the owner `person`."""
    more: tuple[str, ...] = ()
    """Other columns that bindings contain."""

    def page(self, *, is_first: bool) -> str:
        """SQL for the first page, or the page after `:<key>`."""
        read = ", ".join(f"sealed.{name}" for name in (*self.keys, *self.more, *self.columns))
        order = ", ".join(f"sealed.{name}" for name in self.keys)
        after = ", ".join(f"CAST(:{name} AS {kind})" for name, kind in self.keys.items())
        rest = "" if is_first else f" AND ({order}) > ({after})"
        return (
            f"SELECT {read}, person.telegram_hmac AS owner_hmac, person.wrapped_key AS owner_key"  # noqa: S608 # our own names
            f" FROM {self.rows}{rest} ORDER BY {order} LIMIT {PAGE}"
        )

    def update(self, column: str) -> str:
        """SQL that changes rows still equal to what was read; skips locked rows."""
        names = ", ".join(self.keys)
        given = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in self.keys.items())
        same = " AND ".join(f"sealed.{name} = given.{name}" for name in self.keys)
        return (
            f"WITH given AS (SELECT * FROM unnest({given}, CAST(:old AS bytea[]),"  # noqa: S608 # our own names
            f" CAST(:new AS bytea[])) AS given({names}, old, new)),"
            f" free AS (SELECT {names} FROM {self.name} WHERE ({names}) IN"
            f" (SELECT {names} FROM given) FOR NO KEY UPDATE SKIP LOCKED)"
            f" UPDATE {self.name} AS sealed SET {column} = given.new FROM given"
            f" JOIN free USING ({names}) WHERE {same} AND sealed.{column} = given.old"
        )


_OF_A_PERSON = "JOIN users AS person ON person.key = sealed.user_key"
_PEOPLE = "users AS sealed JOIN users AS person USING (key) WHERE true"
_UPDATE_KEYS = {"bot_id": "bigint", "update_id": "bigint"}
KEYS = _Table("users", {"key": "integer"}, ("wrapped_key",), _PEOPLE, more=("sealed_profile",))
UPDATES_WITHOUT_USER = _Table(
    "updates",
    _UPDATE_KEYS,
    ("payload",),
    f"updates AS sealed LEFT {_OF_A_PERSON}"
    " WHERE sealed.payload IS NOT NULL AND sealed.user_key IS NULL",
)
UPDATES = _Table(
    "updates",
    _UPDATE_KEYS,
    ("payload",),
    f"updates AS sealed {_OF_A_PERSON} WHERE sealed.payload IS NOT NULL",
)
PROFILES = _Table("users", {"key": "integer"}, ("sealed_profile",), _PEOPLE)
SETTINGS = _Table(
    "user_settings",
    {"user_key": "integer"},
    ("sealed_system_prompt",),
    f"user_settings AS sealed {_OF_A_PERSON} WHERE sealed.sealed_system_prompt IS NOT NULL",
)
MESSAGES = _Table(
    "messages",
    {"id": "uuid"},
    ("content", "sealed_parts"),
    f"messages AS sealed {_OF_A_PERSON} WHERE true",
    more=("dialog_id",),
)
CALLS = _Table(
    "llm_calls",
    {"id": "uuid"},
    ("provider_message",),
    "llm_calls AS sealed JOIN turns ON turns.id = sealed.turn_id"
    " JOIN users AS person ON person.key = turns.user_key"
    " WHERE sealed.provider_message IS NOT NULL",
    more=("turn_id",),
)
UNDER_DATA_KEY = (KEYS, UPDATES_WITHOUT_USER)
"""The other tables are sealed with users' own keys, which a rotation does not change."""
ALL_TABLES = (*UNDER_DATA_KEY, PROFILES, UPDATES, SETTINGS, MESSAGES, CALLS)


async def rewrap(sessions: Sessions, vault: Vault, *, accepts_losses: bool = False) -> RewrapResult:
    """Re-seal what the first data key does not open or what is not bound to its row.

    Args:
        sessions: of the database.
        vault: opens values of both data keys.
        accepts_losses: set the marker even if some values cannot be opened.
    """
    async with sessions() as session:
        vault.policy.accepts_unbound = bool(await session.scalar(text(ACCEPTS_UNBOUND)))
    vault.policy.on_refusal = lambda _binding: None  # counted, and logged by row
    result = RewrapResult(bound=not vault.policy.accepts_unbound)
    while True:
        work = _Pass(sessions, vault, result)
        for table in UNDER_DATA_KEY if result.bound else ALL_TABLES:
            await work.reseal_table(table)
        if not work.found:
            break
        log.info("values re-sealed", found=work.found, changed=work.changed)
        if work.changed < work.found:
            await asyncio.sleep(PAUSE_SECONDS)
    result.unreadable = work.unreadable
    result.ok = result.unreadable == 0
    if not result.bound and (result.ok or accepts_losses):
        async with transaction(sessions) as session:
            await session.execute(SET_MARKER)
        result.bound = True
    return result


class _Pass:
    """One pass over all tables.

    Args:
        result: counts changes.
    """

    def __init__(self, sessions: Sessions, vault: Vault, result: RewrapResult) -> None:
        self._sessions = sessions
        self._vault = vault
        self._result = result
        self.found = self.changed = self.unreadable = 0

    async def reseal_table(self, table: _Table) -> None:
        """Re-seal values of one table, page by page."""
        after: dict[str, Any] = {}
        while True:
            async with transaction(self._sessions) as session:
                query = text(table.page(is_first=not after))
                page = (await session.execute(query, after)).all()
                for column in table.columns:
                    changes = [
                        (row, new) for row in page if (new := self._reseal(table, row, column))
                    ]
                    if not changes:
                        continue
                    values: dict[str, Any] = {
                        name: [getattr(row, name) for row, _ in changes] for name in table.keys
                    }
                    values["old"] = [getattr(row, column) for row, _ in changes]
                    values["new"] = [new for _, new in changes]
                    done = await session.execute(text(table.update(column)), values)
                    self._count(column, len(changes), cast("CursorResult[Any]", done).rowcount)
            if not page:
                return
            after = {name: getattr(page[-1], name) for name in table.keys}

    def _count(self, column: str, found: int, changed: int) -> None:
        self.found += found
        self.changed += changed
        match column:
            case "wrapped_key":
                self._result.people += changed
            case "payload":
                self._result.updates += changed
            case _:
                self._result.texts += changed

    def _reseal(self, table: _Table, row: Row[Any], column: str) -> bytes | None:
        """The re-sealed value; None if it needs no change or cannot be opened."""
        sealed: bytes | None = getattr(row, column)
        if sealed is None:
            return None
        try:
            if column == "wrapped_key":
                self._refuse_profile_of_another(row)
                return self._vault.rewrap_key(sealed, row.owner_hmac)
            sealer = self._sealer_of(row)
            if sealer is None:
                return None  # counted with its owner's key
            binding = _binding(row, column)
            new = sealer.reseal(sealed, binding)
            if new and column == "payload":
                _refuse_another_update(sealer.open(new, binding), row.update_id)
        except UnreadableError:
            self._record_unreadable(table, row, column)
            return None
        return new

    def _record_unreadable(self, table: _Table, row: Row[Any], column: str) -> None:
        self.unreadable += 1
        primary_key = {name: str(getattr(row, name)) for name in table.keys}
        log.error("value cannot be opened", column=f"{table.name}.{column}", **primary_key)

    def _sealer_of(self, row: Row[Any]) -> Sealer | None:
        """The owner's sealer; None if their key cannot be opened."""
        if row.owner_key is None:
            return self._vault.installation
        try:
            return self._vault.user_sealer(row.owner_key, row.owner_hmac)
        except UnreadableError:
            return None

    def _refuse_profile_of_another(self, row: Row[Any]) -> None:
        """Before binding a key to a row, check that the profile it opens belongs to the row."""
        if self._result.bound:
            return
        sealer = self._vault.user_sealer(row.wrapped_key, row.owner_hmac)
        opened = sealer.open(row.sealed_profile, bindings.profile(row.owner_hmac))
        if self._vault.lookup("user", _stated(opened, "telegram_id")) != row.owner_hmac:
            raise UnreadableError("the profile of another user")


def _binding(row: Row[Any], column: str) -> Binding:
    match column:
        case "sealed_profile":
            return bindings.profile(row.owner_hmac)
        case "sealed_system_prompt":
            return bindings.system_prompt(row.user_key)
        case "content":
            return bindings.text(row.id, row.dialog_id)
        case "sealed_parts":
            return bindings.parts(row.id, row.dialog_id)
        case "provider_message":
            return bindings.provider_message(row.id, row.turn_id)
    return bindings.payload(row.bot_id, row.update_id)


def _refuse_another_update(payload: bytes, update_id: int) -> None:
    # Empty: the update could not be written as JSON.
    if payload and _stated(payload, "update_id") != update_id:
        raise UnreadableError("the payload of another update")


def _stated(content: bytes, name: str) -> int:
    try:
        number: int = json.loads(content)[name]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError(f"states no {name}") from error
    return number
