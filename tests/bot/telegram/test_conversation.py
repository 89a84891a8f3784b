"""A turn of conversation, from a message in Telegram to the ledger and back."""

from __future__ import annotations

from tests.bot.conftest import MODEL, Start, World
from tests.bot.constants import SECRET_TEXT, SENT_AT


async def test_a_text_is_answered_and_recorded_as_one_finished_turn(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="Hello, *Ada*!")

    reply = await world.ask("Good morning")

    assert reply == "Hello, Ada!"
    [update] = await world.settled()
    assert (update.outcome, update.payload) == ("turn", None)
    [turn] = await world.turns()
    assert update.turn_id == turn.id
    assert turn.status == "answered"
    assert turn.reason is None
    assert (turn.user_messages, turn.user_chars, turn.answer_parts) == (1, 12, 1)
    assert turn.model_asked == MODEL
    assert turn.cost_usd is not None
    assert turn.cost_usd > 0
    assert turn.prompt_tokens
    assert turn.received_at <= turn.first_token_at <= turn.answered_at
    [call] = await world.rows("SELECT * FROM llm_calls")
    assert (call.outcome, call.cost_usd) == ("answered", turn.cost_usd)


async def test_an_answer_at_its_length_limit_says_so_and_can_be_continued(start: Start):
    world = await start(llm_max_tokens=3)
    world.simulator.model.set_behaviour(MODEL, answer="one two three four five")

    replies = [await world.ask("count"), *(await world.replies(2))[1:]]

    assert replies[0] == "one two three"
    assert "continue" in replies[1]
    await world.settled()
    [turn] = await world.turns()
    assert (turn.status, turn.reason, turn.finish_reason) == ("answered", "length", "length")
    world.write("continue")
    await world.until(lambda: len(world.simulator.calls) == 2)
    assert list(world.simulator.calls)[1].prompt_messages == 4


async def test_a_preview_appears_in_the_topic_of_its_answer(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="word " * 20, token_seconds=0.05)
    world.simulator.account.queue.put(
        {
            "message": {
                "message_id": 1, "date": SENT_AT, "text": "hello",
                "is_topic_message": True, "message_thread_id": 7,
                "chat": {"id": 1001, "type": "private"},
                "from": {"id": 1001, "is_bot": False, "first_name": "Ada"},
            }
        }
    )  # fmt: skip
    await world.settled()

    sent_log = world.simulator.account.sent_log
    drafts, answers = sent_log.records(kind="draft"), sent_log.records(kind="message")
    assert drafts
    assert {sent.thread_id for sent in (*drafts, *answers)} == {7}


async def test_the_history_is_sent_with_the_next_question(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="Paris")
    await world.ask("Capital of France?")

    await world.ask("And its river?")

    assert [call.prompt_messages for call in world.simulator.calls] == [2, 4]


async def test_texts_are_unreadable_without_the_data_key(world: World):
    await world.ask(SECRET_TEXT)
    await world.settled()

    rows = await world.rows("SELECT content FROM messages")
    assert len(rows) == 2
    assert all(b"garden" not in row.content for row in rows)


async def test_an_answer_keeps_its_links_and_shows_no_page(world: World):
    world.simulator.model.set_behaviour(
        MODEL, answer="See [the docs](https://docs.example/a) or <b>."
    )

    assert await world.ask("where?") == "See the docs or <b>."

    [sent] = world.simulator.account.sent_log.records(kind="message")
    assert sent.has_preview is None
    assert sent.entities == [
        {"type": "text_link", "offset": 4, "length": 8, "url": "https://docs.example/a"}
    ]


async def test_system_shows_what_was_set_verbatim_and_copyable(world: World):
    instruction = "Answer in **bold** <b>,\n  use $x$ & `code`; a || b"
    await world.ask(f"/system {instruction}")

    reply = await world.ask("/system")

    assert reply == f"Your instruction:\n\n{instruction}"
    sent = world.simulator.account.sent_log.records(kind="message")[-1]
    [entity] = sent.entities
    assert entity["type"] == "pre"
    assert reply[entity["offset"] : entity["offset"] + entity["length"]] == instruction
