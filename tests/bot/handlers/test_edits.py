"""Edited questions, and what a /stop does to messages that wait."""

from __future__ import annotations

from simulator.telegram.world import SimUser
from tests.bot.conftest import MODEL, Start, World, group
from tests.bot.inbox.test_joined import PATIENT
from tests.bot.telegram.test_quoted import replied


def last_id(world: World) -> int:
    return world.simulator.account._message_id


async def outcomes(world: World) -> list[str | None]:
    return [update.outcome for update in await world.settled()]


async def test_an_edited_question_is_answered_again_in_reply_to_it(world: World):
    world.write("what is rein?")
    message_id = last_id(world)
    await world.replies(1)
    world.simulator.model.set_behaviour(MODEL, answer="It falls from clouds.")

    world.simulator.account.edit_text("what is rain?", message_id=message_id)

    assert (await world.replies(2))[1] == "It falls from clouds."
    assert await outcomes(world) == ["turn", "turn"]
    sent = world.simulator.account.sent_log.records(kind="message")[-1]
    assert sent.reply_to == message_id
    assert world.simulator.calls[-1].question == "what is rain?"
    assert world.simulator.calls[-1].prompt_messages == 2
    assert [turn.user_messages for turn in await world.turns()] == [1, 0]
    await world.ask("more")
    said = [message["content"] for message in world.simulator.calls[-1].messages[1:]]
    assert said == ["what is rain?", "It falls from clouds.", "more"]


async def test_an_edit_that_keeps_the_text_is_ignored(world: World):
    world.write("see https://example.org")
    message_id = last_id(world)
    await world.replies(1)
    for _ in range(3):
        world.simulator.account.edit_text("see https://example.org", message_id=message_id)
    assert await outcomes(world) == ["turn", "ignored", "ignored", "ignored"]
    assert len(world.simulator.calls) == 1
    assert len(await world.replies(1)) == 1


async def test_an_edit_stops_the_running_answer(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="word " * 400, token_seconds=0.05)
    world.write("tell me all of it")
    message_id = last_id(world)
    await world.until(lambda: world.simulator.counters.drafts_sent > 0)
    world.simulator.model.set_behaviour(MODEL, answer="Short.", token_seconds=0)

    world.simulator.account.edit_text("tell me little", message_id=message_id)

    assert await world.replies(1) == ["Short."]
    assert await outcomes(world) == ["turn", "turn"]
    first, second = await world.turns()
    assert (first.status, first.reason) == ("cancelled", "edited")
    assert second.status == "answered"
    await world.ask("more")
    said = [message["content"] for message in world.simulator.calls[-1].messages[1:]]
    assert said == ["tell me little", "Short.", "more"]


async def test_an_edit_of_a_waiting_message_is_answered_once(world: World):
    released = world.hold_model()
    world.write("first")
    await world.until(lambda: len(world.simulator.calls) == 1)
    world.write("secnd")
    world.simulator.account.edit_text("second", message_id=last_id(world))
    await world.until(lambda: len(world.simulator.account.queue) == 0)
    released.set()
    assert await outcomes(world) == ["turn", "turn", "ignored"]
    assert [call.question for call in world.simulator.calls] == ["first", "second"]


async def test_older_questions_get_one_hint(world: World):
    world.write("one")
    message_id = last_id(world)
    await world.replies(1)
    await world.ask("two")
    for number in range(3):
        world.simulator.account.edit_text(f"one {number}", message_id=message_id)
    assert await outcomes(world) == ["turn", "turn", "ignored", "ignored", "ignored"]
    texts = await world.replies(3)
    assert len(texts) == 3
    assert "edits of your last message only" in texts[2]
    assert len(world.simulator.calls) == 2


async def test_edits_are_answered_for_edit_seconds_only(start: Start):
    world = await start(edit_seconds=0)
    world.write("one")
    message_id = last_id(world)
    await world.replies(1)
    world.simulator.account.edit_text("two", message_id=message_id)
    assert "edits of your last" in (await world.replies(2))[1]
    assert len(world.simulator.calls) == 1


async def test_an_edit_of_a_message_that_was_no_question_is_ignored(world: World):
    world.write("/help")
    message_id = last_id(world)
    await world.replies(1)
    world.simulator.account.edit_text("a question?", message_id=message_id)
    world.write("just talking", chat=group())
    world.simulator.account.edit_text("still talking", message_id=last_id(world), chat=group())
    await world.settled()
    assert len(world.simulator.calls) == 0


async def test_an_edit_of_one_of_several_joined_messages_answers_all_again(start: Start):
    world = await start(join_short_seconds=PATIENT)
    world.simulator.account.send_text("look", more=replied("a riddle"))
    world.write("what is rein?")
    message_id = last_id(world)
    await world.replies(1)
    world.simulator.account.edit_text("what is rain?", message_id=message_id)
    await world.replies(2)
    first, second = (call.question for call in world.simulator.calls)
    assert second == first.replace("rein", "rain")
    assert "> a riddle" in second


async def test_a_refused_edit_withdraws_nothing(start: Start):
    world = await start(rate_limit_per_minute=1)
    world.write("one")
    message_id = last_id(world)
    await world.replies(1)
    world.simulator.account.edit_text("two", message_id=message_id)
    assert "Too many messages" in (await world.replies(2))[1]
    assert [turn.status for turn in await world.turns()] == ["answered", "rejected"]
    assert len(await world.rows("SELECT 1 FROM messages WHERE deleted_at IS NULL")) == 2


# /stop and what waits.


async def test_stop_drops_waiting_messages_and_reports_their_number(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="word " * 400, token_seconds=0.05)
    world.write("tell me all of it")
    await world.until(lambda: world.simulator.counters.drafts_sent > 0)
    for words in ("and this", "and that", "and more"):
        world.write(words)
    await world.until(lambda: len(world.simulator.account.queue) == 0)

    world.write("/stop")

    texts = await world.replies(2)
    assert texts[1] == "⏹ Stopped.\n3 waiting messages were dropped."
    updates = await world.settled()
    assert [update.outcome for update in updates] == ["turn", *["ignored"] * 3, "command"]
    assert [update.error for update in updates[1:4]] == ["stopped"] * 3
    assert len(world.simulator.calls) == 1


async def test_stop_drops_only_ones_own_messages_and_no_commands(world: World):
    name = world.simulator.account.username
    released = world.hold_model()
    for person, words in ((1, "one"), (1, "two"), (2, "three")):
        world.write(f"@{name} {words}", chat=group(), person=person)
    world.write("/model", chat=group(), person=1)
    await world.until(lambda: len(world.simulator.calls) == 1)
    world.write("/stop", chat=group(), person=1)
    await world.until(lambda: world.simulator.calls[0].outcome == "disconnected")
    released.set()
    await world.settled()
    first, second = world.simulator.calls
    assert first.question.endswith(": one")
    # Messages stopped before an answer are part of the next prompt.
    assert second.question.endswith(": three")
    assert "two" not in second.question
    updates = [update.outcome for update in await world.updates()]
    assert updates == ["turn", "ignored", "turn", "command", "command"]


async def test_what_is_written_after_stop_is_answered(world: World):
    for words in ("one", "/stop", "two"):
        world.simulator.account.send_text(words, person=SimUser(id=3))
    await world.settled()
    assert [update.outcome for update in await world.updates()][1:] == ["command", "turn"]
    assert world.simulator.calls[-1].question == "two"
