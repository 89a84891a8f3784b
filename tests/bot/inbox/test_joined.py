"""Several short messages are one question, where they belong together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bot.conftest import Start, World, group
from tests.bot.telegram.test_quoted import PHOTO

# Long, because a busy machine delivers the parts late.
PATIENT = 3.0


@pytest.fixture
async def patient(start: Start) -> World:
    return await start(join_short_seconds=PATIENT)


async def joined(world: World) -> list[int]:
    await world.settled()
    return [turn.user_messages for turn in await world.turns()]


async def test_several_short_messages_are_one_turn_with_one_answer(patient: World):
    for words in ("hey", "I have a question", "what is rain?"):
        patient.write(words)

    assert await joined(patient) == [3]
    [call] = patient.simulator.calls
    assert call.question == "hey\nI have a question\nwhat is rain?"
    assert len(patient.simulator.account.sent_log.texts(1001)) == 1


async def test_messages_during_an_answer_are_joined_into_the_next_turn(start: Start):
    world = await start(join_short_seconds=0.05)
    released = world.hold_model()
    world.write("one")
    await world.until(lambda: len(world.simulator.calls) == 1)
    for words in ("two", "three", "four"):
        world.write(words)
    await world.until(lambda: len(world.simulator.account.queue) == 0)
    released.set()

    assert await joined(world) == [1, 3]
    assert world.simulator.calls[-1].question == "two\nthree\nfour"


async def test_joining_can_be_switched_off(start: Start):
    world = await start(join_short_seconds=0)
    for words in ("one", "two"):
        world.write(words)
    assert await joined(world) == [1, 1]


async def test_commands_never_join(patient: World):
    for words in ("one", "/new", "two", "/nwe", "three"):
        patient.write(words)
    assert await joined(patient) == [1, 1, 1]
    outcomes = [update.outcome for update in await patient.updates()]
    assert outcomes == ["turn", "command", "turn", "ignored", "turn"]


async def test_other_peoples_messages_never_join(patient: World):
    name = patient.simulator.account.username
    patient.write(f"@{name} one", chat=group(), person=1)
    patient.write(f"@{name} two", chat=group(), person=2)
    assert await joined(patient) == [1, 1]


async def test_replies_to_different_messages_never_join(patient: World):
    def reply(message_id: int) -> dict[str, Any]:
        chat = {"id": 1001, "type": "private"}
        return {
            "reply_to_message": {"message_id": message_id, "date": 1, "chat": chat, "text": "x"}
        }

    for words, target in (("one", 5), ("two", 5), ("three", 6)):
        patient.simulator.account.send_text(words, more=reply(target))
    assert await joined(patient) == [2, 1]


async def test_at_most_ten_messages_join(patient: World):
    for number in range(12):
        patient.write(f"{number}")
    assert await joined(patient) == [10, 2]


async def test_at_most_eight_thousand_characters_join(patient: World):
    for _ in range(3):
        patient.write("x" * 3000)
    assert await joined(patient) == [2, 1]


async def test_an_album_with_a_caption_is_one_turn(patient: World):
    for number in range(3):
        more: dict[str, Any] = {"media_group_id": "7"}
        if number == 1:
            more["caption"] = "what are these?"
        patient.simulator.account.send_content("photo", PHOTO, more=more)
    assert await joined(patient) == [3]
    assert len(await patient.replies(2)) == 2


async def test_in_a_group_a_mention_and_the_forward_after_it_are_one_turn(patient: World):
    name = patient.simulator.account.username
    origin = {"type": "hidden_user", "date": 1, "sender_user_name": "Grace"}
    patient.write(f"@{name} is this so?", chat=group())
    patient.simulator.account.send_text(
        "Bees sleep.", chat=group(), more={"forward_origin": origin}
    )
    patient.write("nobody asked the bot", chat=group())
    assert await joined(patient) == [2]
    assert patient.simulator.calls[0].question.endswith("> Bees sleep.")


# Limits count messages, not turns.


async def statuses(world: World) -> list[tuple[str, int]]:
    await world.settled()
    return [(turn.status, turn.user_messages) for turn in await world.turns()]


@pytest.mark.usefixtures("one_day")
@pytest.mark.parametrize("limit", ["rate_limit_per_minute", "daily_message_limit"])
async def test_a_joined_turn_counts_its_messages(start: Start, limit: str):
    world = await start(join_short_seconds=PATIENT, **{limit: 4})
    for number in range(3):
        world.write(f"{number}")
    await world.replies(1)
    await world.settled()
    for number in range(3):
        world.write(f"more {number}")

    # One more fits; the other two are beyond the edge.
    assert await statuses(world) == [("answered", 3), ("answered", 1), ("rejected", 2)]
    assert [call.question for call in world.simulator.calls] == ["0\n1\n2", "more 0"]


async def test_eight_messages_over_the_limit_are_one_notice(start: Start):
    world = await start(rate_limit_per_minute=2)
    for number in range(10):
        world.write(f"{number}")
    counted = await statuses(world)
    assert counted == [("answered", 1)] * 2 + [("rejected", 1)] * 8
    texts = world.simulator.account.sent_log.texts(1001)
    assert len(texts) == 3
    assert len(world.simulator.calls) == 2
