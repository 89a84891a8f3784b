"""A key rotation keeps all users and texts, and leaves nothing under the old DATA_KEY."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from bot.app import App
from bot.users.rewrapping import rewrap
from common.encryption import bindings
from common.encryption.sealing import UnreadableError, Vault
from common.errors import SettingError
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from simulator.app import Simulator
from tests.bot.conftest import DATA_KEY, make_settings, run_program, running_bot

PROJECT = Path(__file__).parents[3]
PERSON = 1001
PAYLOAD = b'{"update_id": 1}'


async def command(database: DatabaseSettings, step: str, **keys: str) -> str:
    """`python -m bot.users.key_rotation`: what it prints."""
    outcome = await run_program(
        "bot.users.key_rotation", step, DATABASE_URL=database.libpq_url, **keys
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.strip()


async def test_a_rotation_is_invisible_to_users(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
) -> None:
    following = await command(database, "next", DATA_KEY=DATA_KEY)
    steps: list[dict[str, Any]] = [
        {"data_key": DATA_KEY},
        # Every process accepts the new key before one uses it.
        {"data_key": DATA_KEY, "data_key_second": following},
        {"data_key": following, "data_key_second": DATA_KEY},
    ]
    for number, keys in enumerate(steps):
        async with running_bot(simulator, database, sessions, **keys) as world:
            await world.ask(f"message {number}", person=PERSON)
            await world.settled()
    keys = {"DATA_KEY": following, "DATA_KEY_SECOND": DATA_KEY}
    first = json.loads(await command(database, "rewrap", **keys))
    assert (first["people"], first["updates"], first["texts"]) == (1, 0, 0)
    assert (first["unreadable"], first["bound"], first["ok"]) == (0, True, True)
    assert json.loads(await command(database, "rewrap", **keys))["people"] == 0
    async with running_bot(simulator, database, sessions, data_key=following) as world:
        await world.ask("message 3", person=PERSON)
        await world.settled()
        people = await world.rows("SELECT wrapped_key, telegram_hmac FROM users")
        contents = await world.rows("SELECT * FROM messages WHERE role = 'user'")
        dialogs = await world.rows("SELECT DISTINCT dialog_id FROM turns")
    assert (len(people), len(dialogs)) == (1, 1)
    sealer = Vault(following).user_sealer(*people[0])
    texts = {
        sealer.open_text(row.content, bindings.text(row.id, row.dialog_id)) for row in contents
    }
    assert texts == {f"message {number}" for number in range(4)}
    with pytest.raises(UnreadableError):
        Vault(DATA_KEY).user_sealer(*people[0])


@pytest.mark.parametrize("wrong", ["another data key", "rotated." + "a" * 43 + "." + "b" * 43])
async def test_a_bot_with_another_data_key_does_not_start(
    wrong: str, simulator: Simulator, database: DatabaseSettings, sessions: Sessions
) -> None:
    async with running_bot(simulator, database, sessions) as world:
        await world.ask("hello", person=PERSON)
        await world.settled()
    for keys in ({"data_key": wrong}, {"data_key": wrong, "data_key_second": SecretStr(DATA_KEY)}):
        app = App(make_settings(simulator, database, **keys))
        with pytest.raises(SettingError, match="DATA_KEY"):
            async with app.running():
                pass
    async with sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM users")) == 1


async def test_a_wrapped_key_that_no_data_key_opens_is_counted_and_kept(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
) -> None:
    async with running_bot(simulator, database, sessions) as world:
        await world.ask("hello", person=PERSON)
        before = await world.rows("SELECT wrapped_key FROM users")
        result = await rewrap(sessions, Vault("a third", second="a fourth"))
        after = await world.rows("SELECT wrapped_key FROM users")
    assert (result.people, result.unreadable, result.ok) == (0, 1, False)
    assert before == after


async def test_a_parked_update_without_a_user_is_resealed(sessions: Sessions) -> None:
    old, new = Vault("old"), Vault("new", second="old")
    async with transaction(sessions) as session:
        await session.execute(
            text(
                "INSERT INTO updates (bot_id, update_id, kind, lane, payload, outcome, settled_at)"
                " VALUES (7, 1, 'unknown', '\\x00', :payload, 'parked', now())"
            ),
            {"payload": old.installation.seal(PAYLOAD, bindings.payload(7, 1))},
        )
    assert (await rewrap(sessions, new)).updates == 1
    async with sessions() as session:
        payload = await session.scalar(text("SELECT payload FROM updates"))
    assert Vault("new").installation.open(payload, bindings.payload(7, 1)) == PAYLOAD
