"""Commands by name, blocks and returns become events, once for each update."""

from __future__ import annotations

from sqlalchemy import text

from bot.db.events import UsedCommand
from common.postgres import transaction
from common.vocabulary import ChatType, UpdateOutcome
from tests.bot.conftest import Start, World, group
from tests.bot.constants import GROUP_ID
from tests.bot.handlers.test_buttons import PERSON, buttons, press
from tests.bot.handlers.test_commands import press_forget


async def events(world: World) -> list[tuple[str, str | None]]:
    rows = await world.rows("SELECT kind, name FROM user_events ORDER BY occurred_at, kind")
    return [tuple(row) for row in rows]


async def test_commands_are_kept_by_name_and_nothing_else_of_them(start: Start):
    world = await start(command_limit_per_minute=7)
    username = world.simulator.account.username
    for words in ("hello", "/USAGE", "/start secret-link", "/secret word", "/redo"):
        world.write(words)
        await world.settled()
    world.simulator.account.send_text(f"/help@{username}", person=PERSON, chat=group(-GROUP_ID))
    await world.settled()
    # Beyond the limit they are ignored and no event.
    for _ in range(4):
        world.write("/new")
    await world.settled()

    names = [name for kind, name in await events(world) if kind == "command"]
    assert names == ["usage", "start", "unknown", "redo", "help", "new", "new"]
    rows = await world.rows("SELECT chat_type, language, is_counted FROM user_events")
    assert {(row.chat_type, row.language, row.is_counted) for row in rows} == {
        ("private", "en", True), ("supergroup", "en", True),
    }  # fmt: skip
    assert [turn.user_messages for turn in await world.turns()] == [1, 0]


async def test_a_block_is_one_event_whoever_says_it_first(world: World):
    account = world.simulator.account
    await world.ask("hello")
    await world.settled()
    # Refused messages come before the update about it.
    account.blocked.add(1001)
    for words in ("one", "/usage", "two"):
        world.write(words)
    await world.settled()
    assert sorted(await events(world)) == [("blocked", None), ("command", "usage")]
    account.block(person=PERSON)
    await world.settled()
    account.unblock(person=PERSON)
    await world.settled()
    account.unblock(person=PERSON)
    await world.settled()

    assert sorted(await events(world)) == [
        ("blocked", None), ("command", "usage"), ("unblocked", None),
    ]  # fmt: skip
    assert await world.rows("SELECT 1 FROM users WHERE blocked_at IS NOT NULL") == []


async def test_who_is_not_counted_has_events_apart_and_forget_leaves_no_link(world: World):
    await world.ask("/privacy")
    press(world, buttons(world)["Do not count me as a person"])
    await world.settled()
    world.write("/usage")
    await world.settled()
    world.simulator.account.block(person=PERSON)
    world.simulator.account.unblock(person=PERSON)
    await world.settled()
    rows = await world.rows("SELECT name, is_counted FROM user_events ORDER BY occurred_at")
    # A block has the time of `users.blocked_at`, which would say whose event it is.
    assert [tuple(row) for row in rows] == [("privacy", True), ("usage", False)]

    await press_forget(world, "forget:yes")
    await world.settled()

    assert [name for _, name in await events(world)] == ["privacy", "usage", "forget"]
    linked = await world.rows("SELECT 1 FROM user_events JOIN users ON users.key = user_key")
    assert linked == []


async def test_a_settled_command_that_is_settled_again_is_one_event(world: World):
    world.write("/usage")
    [update] = await world.settled()
    async with transaction(world.sessions) as session:
        await session.execute(text("UPDATE updates SET outcome = NULL"))
    used = UsedCommand("usage", ChatType.PRIVATE)
    await world.app.inbox.settle([update.update_id], UpdateOutcome.COMMAND, command=used)

    assert await events(world) == [("command", "usage")]
