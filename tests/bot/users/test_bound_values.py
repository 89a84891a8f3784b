"""A sealed value is opened in its own row alone, and values of older versions become bound."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import orjson
import pytest
from sqlalchemy import text

import bot.db.bound_values
from bot.db.bound_values import read_marker, watch_marker
from bot.telegram.updates import TelegramUser
from bot.users.erasure import Erasure
from bot.users.rewrapping import ALL_TABLES, rewrap
from common.encryption import bindings
from common.encryption.bindings import COLUMNS, VERSION
from common.encryption.sealing import Vault
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from simulator.app import Simulator
from simulator.telegram.world import SimUser
from tests.bot.conftest import DATA_KEY, Start, World, run_program, running_bot
from tests.bot.constants import WEBHOOK
from tests.bot.requests import all_settled, text_update
from tests.bot.users.old_values import make_old, sealed_before_bindings
from tests.conftest import PROJECT
from tests.running import eventually

ANNA, BORIS = 1001, 1002

RESEALED = set(COLUMNS) - {"pictures.content", "summaries.content"}
"""Columns that an earlier version wrote without a binding."""


async def change(sessions: Sessions, statement: str, **values: Any) -> None:
    async with transaction(sessions) as session:
        await session.execute(text(statement), values)


async def exchange(sessions: Sessions, table: str, column: str, order: str) -> None:
    """Give the first two rows with a value each other's."""
    await change(
        sessions,
        f"WITH two AS (SELECT ctid AS place, {column} AS value FROM {table}"
        f" WHERE {column} IS NOT NULL ORDER BY {order} LIMIT 2)"
        f" UPDATE {table} SET {column} = other.value FROM two AS mine, two AS other"
        f" WHERE {table}.ctid = mine.place AND other.place <> mine.place",
    )


def refused(world: World, column: str) -> float:
    """How often a value of this column was refused."""
    value: float = world.app.metrics.refused_values.labels(column)._value.get()
    return value


async def files(world: World, person: int) -> dict[str, Any]:
    """The content of /export, and its caption under `caption`."""
    sent_log = world.simulator.account.sent_log
    before = len(sent_log.records(kind="document"))
    world.simulator.account.send_text("/export", person=SimUser(id=person, language_code="en"))
    await world.until(lambda: len(sent_log.records(kind="document")) > before)
    record = sent_log.records(kind="document")[-1]
    assert record.chat_id == person
    stored = sent_log.file(record.file_id or "")
    assert stored is not None
    return {**orjson.loads(stored.content), "caption": record.text}


async def two_people(world: World) -> None:
    """Both have a value in every sealed column."""
    for person, name in ((ANNA, "anna"), (BORIS, "boris")):
        await world.ask(f"/system instruction of {name}", person=person, chat=person)
        await world.ask(f"first text of {name}", person=person, chat=person)
    await world.settled()
    async with transaction(world.sessions) as session:
        rows = await session.execute(
            text(
                "SELECT call.id, call.turn_id, person.*, turns.bot_id FROM llm_calls AS call"
                " JOIN turns ON turns.id = turn_id JOIN users AS person ON key = user_key"
            )
        )
        for row in rows.all():
            sealer = world.vault.user_sealer(row.wrapped_key, row.telegram_hmac)
            said = sealer.seal_text(
                f"provider of {row.key}", bindings.provider_message(row.id, row.turn_id)
            )
            await session.execute(
                text("UPDATE llm_calls SET provider_message = :said WHERE id = :id"),
                {"said": said, "id": row.id},
            )
            update_id = 10_000_000 + row.key
            payload = {"update_id": update_id, "message": {"text": f"parked of {row.key}"}}
            await session.execute(
                text(
                    "INSERT INTO updates (bot_id, update_id, kind, lane, user_key, payload,"
                    " outcome, settled_at) VALUES (:bot_id, :update_id, 'message', '\\x00', :key,"
                    " :payload, 'parked', now())"
                ),
                {
                    "bot_id": row.bot_id,
                    "update_id": update_id,
                    "key": row.key,
                    "payload": sealer.seal(
                        orjson.dumps(payload), bindings.payload(row.bot_id, update_id)
                    ),
                },
            )


async def test_values_swapped_between_two_users_are_refused_and_reported(world: World):
    await two_people(world)
    for table, column, order in (
        ("users", "sealed_profile", "key"),
        ("user_settings", "sealed_system_prompt", "user_key"),
        ("messages", "content", "role = 'user' DESC, created_at"),
        ("llm_calls", "provider_message", "started_at"),
        ("updates", "payload", "update_id"),
    ):
        await exchange(world.sessions, table, column, order)
    world.app.users._remembered.clear()

    for person, own, other in ((ANNA, "anna", "boris"), (BORIS, "boris", "anna")):
        given = await files(world, person)
        content = orjson.dumps(given).decode()
        assert given["unreadable"] >= 4
        assert "could not be decrypted" in given["caption"]
        assert f"text of {other}" not in content
        assert f"instruction of {other}" not in content
        assert f"text of {own}" not in content
        # Telegram states it with every update: it was sealed again.
        assert given["profile"]["telegram_id"] == person
        assert [turn["attempts"][0]["provider_message"] for turn in given["turns"]] == [None]
        assert given["updates"][0]["text"] is None
        # The user's own unreadable question does not prevent the next one.
        assert await world.ask("and now?", person=person, chat=person)
    assert {column for column in COLUMNS if refused(world, column)} >= {
        "users.sealed_profile", "user_settings.sealed_system_prompt", "messages.content",
        "llm_calls.provider_message", "updates.payload",
    }  # fmt: skip


async def test_two_swapped_texts_of_one_user_are_refused(world: World):
    for words in ("the first one", "the second one"):
        await world.ask(words)
    await world.settled()
    for column in ("content", "sealed_parts"):
        await exchange(world.sessions, "messages", column, "role = 'user' DESC, created_at")

    given = await files(world, ANNA)

    own = [one["text"] for one in given["messages"] if one["role"] == "user"]
    assert (own, given["unreadable"]) == ([None, None], 2)
    await world.ask("the third one")
    asked = world.simulator.calls[-1].messages
    assert not [one for one in asked if "the first one" in str(one) or "the second" in str(one)]
    assert refused(world, "messages.content") > 0


async def test_a_text_that_was_moved_to_another_dialog_is_refused(world: World):
    await world.ask("in the first dialog")
    await world.ask("/new")
    await world.ask("in the second dialog")
    await world.settled()
    await change(
        world.sessions,
        "UPDATE messages SET dialog_id = (SELECT id FROM dialogs WHERE closed_at IS NULL)",
    )
    given = await files(world, ANNA)
    own = [one["text"] for one in given["messages"] if one["role"] == "user"]
    assert own == [None, "in the second dialog"]


@pytest.mark.parametrize("remembers", [True, False])
async def test_swapped_keys_open_nothing_and_delay_no_one(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions, *, remembers: bool
):
    async with running_bot(simulator, database, sessions) as world:
        for person in (ANNA, BORIS):
            await world.ask("hello", person=person, chat=person)
        await world.settled()
        if not remembers:
            world.app.users._remembered.clear()
        await exchange(sessions, "users", "wrapped_key", "key")
        replies = len(simulator.account.sent_log.texts(ANNA))
        world.write("/export", person=ANNA)
        assert await world.ask("hello", person=1003, chat=1003)
        await world.settled()
        [parked] = [one for one in await world.updates() if one.outcome == "parked"]
        assert parked.error == "UnreadableError"
        assert len(simulator.account.sent_log.texts(ANNA)) == replies
        assert not simulator.account.sent_log.records(kind="document")
        assert refused(world, "users.wrapped_key") > 0
    # A single damaged key does not mean that DATA_KEY is wrong.
    async with running_bot(simulator, database, sessions) as world:
        assert await world.ask("hello again", person=1003, chat=1003)


@pytest.fixture
async def quiet(start: Start) -> World:
    world = await start(**WEBHOOK)
    world.app.chat_workers._accepts_work = False
    return world


async def test_swapped_open_updates_are_parked(quiet: World):
    await quiet.app.inbox.store(
        [json.loads(text_update(1, person=ANNA)), json.loads(text_update(2, person=BORIS))]
    )
    await exchange(quiet.sessions, "updates", "payload", "update_id")
    await quiet.app.inbox.store([json.loads(text_update(3, person=1003))])
    quiet.app.chat_workers._accepts_work = True
    await eventually(lambda: all_settled(quiet, 3))

    updates = await quiet.updates()

    assert [(one.outcome, one.error) for one in updates[:2]] == [("parked", "UnreadableError")] * 2
    assert updates[2].outcome == "turn"
    assert refused(quiet, "updates.payload") > 0


async def test_unreadable_updates_do_not_prevent_an_erasure(quiet: World):
    await quiet.app.inbox.store([json.loads(text_update(number)) for number in (1, 2)])
    await exchange(quiet.sessions, "updates", "payload", "update_id")
    people, sender = quiet.app.users, TelegramUser(ANNA, first_name="Ada")
    erasure = Erasure(
        quiet.app.settings.telegram.bot_id,
        sessions=quiet.sessions,
        users=people,
        policy=quiet.app.policy,
        interrupt=quiet.app.chat_workers.interrupt_user,
    )

    await erasure.erase((await people.find([ANNA]))[ANNA], sender, [1])

    wish, later = await quiet.updates()
    assert (wish.outcome, wish.payload) == ("command", None)
    assert (later.outcome, later.error, later.payload) == ("parked", "UnreadableError", None)


def test_every_sealed_column_is_resealed_and_counted() -> None:
    assert {f"{table.name}.{one}" for table in ALL_TABLES for one in table.columns} == RESEALED


async def unbound(world: World) -> list[str]:
    """Columns with values that are bound to nothing."""
    found = set()
    for column in RESEALED:
        table, name = column.split(".")
        rows = await world.rows(f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL")
        assert rows, column
        if any(row[0][:1] != VERSION for row in rows):
            found.add(column)
    return sorted(found)


async def command(database: DatabaseSettings) -> tuple[int, dict[str, Any]]:
    outcome = await run_program(
        "bot.users.key_rotation", "rewrap", DATABASE_URL=database.libpq_url, DATA_KEY=DATA_KEY
    )
    return outcome.returncode, json.loads(outcome.stdout.splitlines()[-1])


async def test_a_running_bot_reads_unbound_values_only_until_they_are_bound(
    world: World, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bot.db.bound_values, "POLL_SECONDS", 0.05)
    await two_people(world)
    await make_old(world.sessions, world.vault)
    assert await unbound(world) == sorted(RESEALED)
    world.app.users._remembered.clear()
    await read_marker(world.app.engine, world.app.vault.policy)
    watching = asyncio.create_task(watch_marker(world.app.engine, world.app.vault.policy))

    assert await world.ask("one more text")
    await world.settled()

    asked = str(world.simulator.calls[-1].messages)
    assert "first text of anna" in asked
    assert "instruction of anna" in asked
    [new] = await world.rows("SELECT content FROM messages WHERE role = 'user' AND"
                             " created_at = (SELECT max(created_at) FROM messages WHERE"
                             " role = 'user')")  # fmt: skip
    assert new.content[:1] == VERSION
    given = await files(world, ANNA)
    assert given["unreadable"] == 0
    assert given["settings"]["system_prompt"] == "instruction of anna"

    code, done = await command(database)

    assert (code, done["ok"], done["bound"], done["unreadable"]) == (0, True, True, 0)
    assert (done["people"], done["updates"]) == (2, 2)
    assert await unbound(world) == []
    await asyncio.wait_for(watching, 60)
    again = await files(world, ANNA)
    assert again["unreadable"] == 0
    assert [one["text"] for one in again["messages"]] == [one["text"] for one in given["messages"]]
    # Unbound values in copies of rows are refused from here on.
    sealer = world.vault.user_sealer(*(await world.rows(
        "SELECT wrapped_key, telegram_hmac FROM users ORDER BY key"))[0])  # fmt: skip
    await change(
        world.sessions,
        "UPDATE user_settings SET sealed_system_prompt = :old WHERE user_key = 1",
        old=sealed_before_bindings(sealer, b"an older instruction"),
    )
    assert (await files(world, ANNA))["settings"]["system_prompt"] is None
    assert json.loads((await run_program(
        "bot.users.key_rotation", "rewrap", DATABASE_URL=database.libpq_url, DATA_KEY=DATA_KEY
    )).stdout)["texts"] == 0  # fmt: skip


async def test_a_waiting_update_that_becomes_bound_is_answered(quiet: World):
    await quiet.app.inbox.store([json.loads(text_update(1))])
    await make_old(quiet.sessions, quiet.vault)
    policy = quiet.app.vault.policy
    policy.accepts_unbound = True
    # Read by the queue while it was unbound.
    held = await quiet.app.chat_locks.claim(
        wanted=await quiet.app.chat_locks.open_chats(), max_updates=10
    )
    assert [entry for entries in held.values() for entry in entries]
    assert (await rewrap(quiet.sessions, Vault(DATA_KEY))).bound
    policy.accepts_unbound = False
    await quiet.app.chat_locks.claim(released=held, max_updates=10)
    quiet.app.chat_workers._accepts_work = True
    await eventually(lambda: all_settled(quiet, 1))
    assert (await quiet.updates())[0].outcome == "turn"


async def test_a_killed_rewrap_can_be_continued(world: World, database: DatabaseSettings):
    await world.ask("hello")
    await world.settled()
    await change(
        world.sessions,
        "INSERT INTO messages (id, user_key, dialog_id, turn_id, role, content, content_length)"
        " SELECT gen_random_uuid(), user_key, dialog_id, turn_id, role, content, 1"
        " FROM messages, generate_series(1, 3000) WHERE role = 'user'",
    )
    sealer = await world.sealer()
    async with transaction(world.sessions) as session:
        old = sealed_before_bindings(sealer, b"an old text")
        await session.execute(text("UPDATE messages SET content = :old, sealed_parts = NULL"),
                              {"old": old})  # fmt: skip
        await session.execute(text("DELETE FROM sealing_marker"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.users.key_rotation", "rewrap",
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull,
             "DATABASE_URL": database.libpq_url, "DATA_KEY": DATA_KEY},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    is_bound = "SELECT id FROM messages WHERE substring(content FROM 1 FOR 1) = '\\x02' LIMIT 400"
    await eventually(lambda: has(world, is_bound, 400))
    if process.returncode is None:
        process.kill()
    await process.wait()

    code, done = await command(database)

    assert (code, done["ok"], done["bound"]) == (0, True, True)
    rows = await world.rows("SELECT * FROM messages")
    assert {
        sealer.open_text(row.content, bindings.text(row.id, row.dialog_id)) for row in rows
    } == {"an old text"}


async def has(world: World, query: str, count: int) -> bool:
    return len(await world.rows(query)) >= count


async def test_swapped_unbound_keys_are_not_bound_to_the_wrong_user(world: World):
    for person in (ANNA, BORIS):
        await world.ask("hello", person=person, chat=person)
    await world.settled()
    await make_old(world.sessions, world.vault)
    for column in ("wrapped_key", "sealed_profile"):
        await exchange(world.sessions, "users", column, "key")

    result = await rewrap(world.sessions, Vault(DATA_KEY))

    assert (result.people, result.bound, result.ok) == (0, False, False)
    assert result.unreadable >= 2
    # Until then the bot answers neither of them with the other's key.
    world.app.vault.policy.accepts_unbound = True
    world.app.users._remembered.clear()
    assert await world.app.users.find([ANNA, BORIS]) == {}
    assert (await rewrap(world.sessions, Vault(DATA_KEY), accepts_losses=True)).bound
