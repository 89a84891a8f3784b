"""Rules about people and groups: each counts for the very next update, in every process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from bot.turns.records import UpdateConflictError
from common.postgres import transaction
from simulator.telegram.world import SimUser
from tests.bot.conftest import FALLBACK, MODEL, Start, World
from tests.bot.constants import WEBHOOK
from tests.bot.handlers.test_commands import press_forget
from tests.bot.handlers.test_commands_data import exported
from tests.bot.inbox.test_groups import CHAT, say
from tests.bot.requests import all_settled, post, text_update
from tests.bot.turns.test_statements import count, questions, quiet
from tests.running import eventually

__all__ = ["quiet"]

# Budgets are of a day, and so are the notices.
pytestmark = pytest.mark.usefixtures("one_day")

SET = (
    "INSERT INTO access_rules (subject, subject_hmac, kind, until, daily_messages, daily_usd,"
    " models, reason, author_id, author) VALUES (:subject, :hmac, :kind, :until, :daily_messages,"
    " :daily_usd, :models, 'because', 1, 'ann')"
)


async def rule(
    world: World, kind: str, *, person: int | None = None, chat: int | None = None, **values: Any
) -> None:
    """Set a rule, as the API does."""
    subject, hmac = values.pop("role", "everyone"), b""
    if person is not None:
        subject, hmac = "person", world.vault.lookup("user", person)
    elif chat is not None:
        subject, hmac = "chat", world.vault.lookup("chat", chat)
    given = {"until": None, "daily_messages": None, "daily_usd": None, "models": None, **values}
    async with transaction(world.sessions) as session:
        await session.execute(text(SET), {"subject": subject, "hmac": hmac, "kind": kind, **given})


async def lift(world: World) -> None:
    async with transaction(world.sessions) as session:
        await session.execute(text("DELETE FROM access_rules"))


async def reasons(world: World) -> list[str | None]:
    await world.settled()
    return [turn.reason for turn in await world.turns()]


async def test_a_banned_person_gets_one_line_a_day_and_an_outcome_for_each_update(world: World):
    await world.ask("hello")
    await rule(world, "ban", person=1001)
    calls = len(world.simulator.calls)

    assert "closed access here" in await world.ask("hello")

    for words in ("hello?", "/usage", "/model", "/redo", "/nonsense", "/start code"):
        world.write(words)
    world.simulator.account.edit_text("hello!", message_id=1)
    world.simulator.account.send_content("photo", [])
    updates = await world.settled()
    assert len(await world.replies(2)) == 2, "the rest was silence"
    assert len(world.simulator.calls) == calls
    assert [(update.outcome, update.error) for update in updates] == [
        *[("turn", None)] * 3, *[("ignored", "banned")] * 7,
    ]  # fmt: skip
    assert await reasons(world) == [None, "banned", "banned"]
    assert "closed access" not in await world.ask("/privacy"), "their data stays theirs"
    async with transaction(world.sessions) as session:
        await session.execute(text("UPDATE ban_notices SET sent_at = now() - interval '25 hours'"))
        await session.execute(text("UPDATE access_rules SET until = now() + interval '1 hour'"))
    assert "приостановил доступ" in await world.ask("/help", language="ru")
    await lift(world)
    await world.ask("hello again")
    assert await reasons(world) == [None, "banned", "banned", None]


async def test_each_ban_of_a_day_is_told_once(world: World):
    for number, (until, words) in enumerate(
        ((None, "closed access"), (datetime.now(UTC) + timedelta(days=1), "has paused access")),
        start=1,
    ):
        await rule(world, "ban", person=1001, until=until)
        assert words in await world.ask("hello")
        world.write("hello?")
        await world.settled()
        assert len(await world.replies(number)) == number, "the rest was silence"
        await lift(world)


async def test_a_ban_counts_for_the_very_next_update_of_every_process(start: Start):
    worlds = [await start(**WEBHOOK), await start(**WEBHOOK)]
    first, _ = worlds
    number = 0
    for _ in range(3):
        for banned, expected in ((False, "answered"), (True, "rejected")):
            if banned:
                await rule(first, "ban", person=1001)
            for world in worlds:
                number += 1
                await post(world, text_update(number))
                await eventually(partial(all_settled, first, number))
                assert (await first.turns())[-1].status == expected
        await lift(first)


async def test_a_turn_is_not_opened_if_its_person_was_banned_since_the_rules_were_read(
    quiet: World,
):
    asked, other, *_ = await questions(quiet)
    context = await quiet.app.history.load_context(asked.user_key, asked.sealer, asked.chat_ref)
    await rule(quiet, "ban", person=asked.account_id)

    with pytest.raises(UpdateConflictError):
        await quiet.app.ledger.open(asked, context, model=MODEL)

    assert await count(quiet, "turns") == await count(quiet, "dialogs") == 0
    await quiet.app.ledger.open(other, context, model=MODEL)


async def test_a_pause_says_when_it_ends_and_ends_by_itself(world: World):
    until = datetime.now(UTC) + timedelta(minutes=110)
    await rule(world, "ban", person=1001, until=until)
    assert "Come back in 2 hours" in await world.ask("hello")
    assert await reasons(world) == ["paused"]
    async with transaction(world.sessions) as session:
        await session.execute(text("UPDATE access_rules SET until = now()"))

    await world.ask("hello")

    assert await reasons(world) == ["paused", None]


async def test_a_person_who_is_allowed_has_access_where_it_is_closed(start: Start):
    world = await start(access_mode="allow-list", access_allowed_ids="7", admin_ids="9")
    await rule(world, "allow", person=1001)
    await world.ask("hello")
    assert "for invited users only" in await world.ask("hello", person=5, chat=5)
    # Everyone is banned: not who is allowed by name, nor admins.
    await rule(world, "ban", role="everyone")
    for person in (1001, 9, 7):
        await world.ask("hello", person=person, chat=person)
    assert await reasons(world) == [None, "access", None, None, "banned"]


async def test_a_ban_survives_forget_and_so_does_its_notice(world: World):
    await rule(world, "ban", person=1001)
    await world.ask("hello")
    await press_forget(world, "forget:yes")
    assert "erased" in (await world.replies(3))[2]

    world.write("hello")

    assert await reasons(world) == ["banned", "banned"]
    assert len(await world.replies(3)) == 3
    assert len({turn.user_key for turn in await world.turns()}) == 2


async def test_a_banned_group_is_told_once_for_all_and_takes_its_ban_along(world: World):
    old = CHAT.model_copy(update={"id": -77, "type": "group"})
    account = world.simulator.account
    await rule(world, "ban", chat=old.id)
    for person in (1, 2):
        account.send_text(f"@{account.username} hello", chat=old, person=SimUser(id=person))
    await world.settled()
    assert len(account.sent_log.texts(old.id)) == 1
    account.send_content("migrate_to_chat_id", CHAT.id, chat=old, person=SimUser(id=99))
    account.send_content("migrate_from_chat_id", old.id, chat=CHAT, person=SimUser(id=99))
    await world.settled()

    say(world, "hello", person=SimUser(id=1))

    assert await reasons(world) == ["banned"] * 3
    await world.ask("hello", person=1, chat=1)
    assert await reasons(world) == ["banned"] * 3 + [None]


async def test_own_limits_bind_the_person_alone_and_usage_shows_them(start: Start):
    world = await start(daily_message_limit=1)
    await rule(world, "limits", person=1001, daily_messages=3)
    for number in range(3):
        await world.ask(f"{number}")
    assert "100 %" in (await world.replies(4))[3]

    assert "your limit for today" in await world.ask("three")

    await world.ask("one", person=2, chat=2)
    await world.replies(2, chat=2)
    assert "your limit for today" in await world.ask("two", person=2, chat=2)
    usage = await world.ask("/usage", person=5, chat=5)
    assert "Messages left today: 1 of 1" in usage


async def test_a_groups_limit_is_of_all_its_members_and_topics(world: World):
    await rule(world, "limits", chat=CHAT.id, daily_messages=2)
    for person in (1, 2, 3):
        say(world, "hello", person=SimUser(id=person))
        await world.settled()

    assert await reasons(world) == [None, None, "chat_daily_messages"]
    assert "This group has reached" in world.simulator.account.sent_log.texts(CHAT.id)[-1]
    await world.ask("hello", person=3, chat=3)
    assert (await reasons(world))[-1] is None


async def test_own_models_replace_the_list_and_its_first_is_the_default(start: Start):
    world = await start(llm_fallback_model=None)
    await rule(world, "models", person=1001, models=[FALLBACK, "sim/other"])
    listed = await world.ask("/model")
    assert FALLBACK in listed
    assert MODEL not in listed
    await world.ask("hello")
    assert world.simulator.calls[-1].model == FALLBACK
    assert "no such model" in await world.ask(f"/model {MODEL}")
    await world.ask("/model 2")
    await lift(world)
    await world.ask("hello")
    assert world.simulator.calls[-1].model == MODEL, "what was chosen is not on the list any more"


async def test_the_export_says_which_rules_there_are(world: World):
    await rule(world, "ban", person=1001)
    [stated] = (await exported(world))["rules"]
    assert (stated["kind"], stated["reason"], stated["until"]) == ("ban", "because", None)
    assert "author" not in stated
