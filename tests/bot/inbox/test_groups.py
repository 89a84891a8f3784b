"""Groups: authors, pseudonyms, and messages not addressed to the bot."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.telegram.world import SimUser
from tests.bot.conftest import MODEL, Start, World, group
from tests.bot.telegram.test_quoted import OTHER

CHAT = group()
ANONYMOUS = {
    "from": {"id": 1_087_968_824, "is_bot": True, "first_name": "GroupAnonymousBot"},
    "sender_chat": {"id": CHAT.id, "type": "supergroup", "title": "Friends"},
}  # fmt: skip
CHANNEL = {
    "from": {"id": 136_817_688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"},
    "sender_chat": {"id": -100_77, "type": "channel", "title": "News"},
}  # fmt: skip


def say(world: World, words: str, *, person: SimUser | None = None, **more: Any) -> None:
    """Somebody in the group names the bot."""
    name = world.simulator.account.username
    world.simulator.account.send_text(f"@{name} {words}", chat=CHAT, person=person, more=more)


def speakers(world: World) -> list[str]:
    """The authors of the user messages in the last prompt."""
    return [
        message["content"].partition(": ")[0]
        for message in world.simulator.calls[-1].messages
        if message["role"] == "user"
    ]


async def test_the_model_sees_pseudonyms_of_the_dialog(world: World):
    for number in (1, 2, 1):
        say(world, "hello", person=SimUser(id=number, first_name=f"Name{number}"))
        await world.settled()
    first, second, third = speakers(world)
    assert first == third != second
    assert first.startswith("Person ")
    assert "Name" not in str(world.simulator.calls[-1].messages)
    say(world, "/new", person=SimUser(id=1))
    say(world, "hello", person=SimUser(id=1))
    await world.settled()
    [other] = speakers(world)
    assert other not in {first, second}
    assert "pseudonyms" in await world.ask("/privacy")


async def test_the_model_sees_first_names_if_configured(start: Start):
    world = await start(group_first_names=True)
    say(world, "hello", person=SimUser(id=1, first_name="Grace\nHopper"))
    say(world, "hello", person=SimUser(id=2, first_name="Ada"))
    await world.settled()
    assert speakers(world) == ["Grace Hopper", "Ada"]
    assert "first name" in await world.ask("/privacy")


async def test_in_private_the_model_sees_no_names(world: World):
    await world.ask("hello")
    assert world.simulator.calls[-1].question == "hello"


async def test_anonymous_admins_and_channels_are_one_pseudonym_that_is_no_person(world: World):
    say(world, "one", **ANONYMOUS)
    say(world, "two", **CHANNEL)
    say(world, "three", person=SimUser(id=5))
    await world.settled()
    assert len(world.simulator.calls) == 3
    turns = await world.turns()
    assert [turn.is_person for turn in turns] == [False, False, True]
    assert turns[0].user_key == turns[1].user_key
    people = await world.rows("SELECT is_person FROM users ORDER BY key")
    assert [person.is_person for person in people] == [False, True]


async def test_messages_not_addressed_to_the_bot_are_not_answered(world: World):
    account = world.simulator.account
    answer = {
        "message_id": 9, "date": 1, "chat": CHAT.as_chat(), "from": account.as_user(), "text": "x",
    }  # fmt: skip
    topic = {
        "message_id": 4, "date": 1, "chat": CHAT.as_chat(), "from": account.as_user(),
        "forum_topic_created": {"name": "Tea", "icon_color": 1},
    }  # fmt: skip
    for words, more in (
        ("/weather", {}),
        ("/weather@another_bot", {}),
        (f"@{account.username} look", {"is_automatic_forward": True, **CHANNEL}),
        (
            "in a topic that the bot made",
            {"reply_to_message": topic, "message_thread_id": 4, "is_topic_message": True},
        ),
        ("@another_bot what do you say?", {"reply_to_message": answer}),
        ("/play", {"reply_to_message": answer}),
        ("I agree", {"reply_to_message": answer | {"from": OTHER}}),
        ("from another bot", {"from": {"id": 7, "is_bot": True, "first_name": "Bot"}}),
    ):
        account.send_text(words, chat=CHAT, more=more)
    updates = await world.settled()
    assert {update.outcome for update in updates} == {"ignored"}
    assert len(world.simulator.calls) == 0
    assert account.sent_log.texts(CHAT.id) == []
    account.send_text("and you?", chat=CHAT, more={"reply_to_message": answer})
    await world.replies(1, chat=CHAT.id)


@pytest.mark.parametrize("words", ["/model", ", /model", "/model@{}", "/MODEL"])
async def test_a_command_after_the_bots_name_is_a_command(world: World, words: str):
    name = world.simulator.account.username
    text = words.format(name) if "{}" in words else f"@{name}{words.rjust(len(words) + 1)}"
    world.write(text, chat=CHAT)
    assert "Models:" in (await world.replies(1, chat=CHAT.id))[0]
    assert [update.outcome for update in await world.settled()] == ["command"]


async def test_stop_after_the_bots_name_stops(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="word " * 400, token_seconds=0.05)
    say(world, "speak at length")
    await world.until(lambda: len(world.simulator.calls) == 1)
    say(world, "/stop")
    await world.settled()
    assert [turn.status for turn in await world.turns()] == ["cancelled"]


@pytest.mark.parametrize("side", ["old", "new"])
async def test_a_supergroup_keeps_the_dialog_of_its_group(world: World, side: str):
    account, name = world.simulator.account, world.simulator.account.username
    old = CHAT.model_copy(update={"id": -500, "type": "group"})
    world.write(f"@{name} one", chat=old)
    await world.replies(1, chat=old.id)
    # Somebody whom the bot does not know changes the group.
    if side == "old":
        account.send_content("migrate_to_chat_id", CHAT.id, chat=old, person=SimUser(id=99))
    else:
        account.send_content("migrate_from_chat_id", old.id, chat=CHAT, person=SimUser(id=99))
    await world.settled()
    world.write(f"@{name} two", chat=CHAT)
    await world.replies(1, chat=CHAT.id)
    assert world.simulator.calls[-1].prompt_messages == 4
    assert len({turn.dialog_id for turn in await world.turns()}) == 1
    assert [update.outcome for update in await world.settled()] == ["turn", "ignored", "turn"]
    assert await world.rows("SELECT 1 FROM updates WHERE payload IS NOT NULL") == []


async def test_a_waiting_group_member_is_told_that_the_bot_is_busy(world: World):
    released = world.hold_model()
    say(world, "one", person=SimUser(id=1))
    await world.until(lambda: len(world.simulator.calls) == 1)
    say(world, "two", person=SimUser(id=2))
    say(world, "three", person=SimUser(id=2))
    say(world, "four", person=SimUser(id=1))
    texts = await world.replies(1, chat=CHAT.id)
    assert "someone else first" in texts[0]
    released.set()
    await world.settled()
    texts = world.simulator.account.sent_log.texts(CHAT.id)
    assert len(world.simulator.calls) == 4
    # Once while the first is answered; later the first user waits for the second.
    assert 5 <= len(texts) <= 6
