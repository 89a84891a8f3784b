"""Long, odd and foreign texts: joined, split, rendered, refused politely."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.formatting.render import (
    MAX_PART_UNITS,
    plain_parts,
    render,
    utf16_length,
)
from common.encryption import bindings
from tests.bot.conftest import MODEL, Start, World, group
from tests.bot.constants import GROUP_ID

# Long, because a busy machine delivers the parts late.
PATIENT = 4.0


async def test_a_long_input_that_arrives_as_several_updates_is_one_turn(start: Start):
    world = await start(join_seconds=PATIENT)
    text = "word " * 2000
    world.write(text)

    await world.replies(1)

    updates = await world.settled()
    assert len(updates) == 3
    [turn] = await world.turns()
    assert turn.user_messages == 3
    assert {update.turn_id for update in updates} == {turn.id}
    assert abs(turn.user_chars - len(text)) <= 4


async def test_a_second_part_that_comes_a_little_later_is_waited_for(start: Start):
    world = await start(join_seconds=PATIENT)
    world.write("x" * 4096)
    await world.until(lambda: len(world.simulator.account.queue) == 0)
    world.write("the end")

    await world.settled()

    [turn] = await world.turns()
    assert (turn.user_messages, turn.user_chars) == (2, 4103)


async def test_short_texts_in_quick_succession_stay_two_turns(world: World):
    world.write("x" * 3999)
    world.write("second")

    await world.settled()

    assert [turn.user_messages for turn in await world.turns()] == [1, 1]


async def test_a_command_after_a_long_text_is_no_part_of_it(world: World):
    world.write("x" * 4096)
    world.write("/help")

    updates = await world.settled()

    assert [update.outcome for update in updates] == ["turn", "command"]


async def test_a_long_answer_is_split_and_arrives_whole(world: World):
    answer = "\n\n".join(f"Paragraph {number}. " + "word " * 60 for number in range(28))
    world.simulator.model.set_behaviour(MODEL, answer=answer)
    world.write("tell me")
    await world.settled()

    parts = await world.replies(2)

    assert all(len(part) <= 4096 for part in parts)
    assert "".join("".join(parts).split()) == "".join(answer.split())
    [turn] = await world.turns()
    assert turn.answer_parts == len(parts)


def test_parts_are_cut_at_the_best_place():
    paragraphs = "one two.\n\n" + "x" * 20 + "\n\n" + "y" * 20
    assert [part.text for part in plain_parts(paragraphs, limit=34)] == [
        "one two.\n\n" + "x" * 20, "y" * 20
    ]  # fmt: skip
    assert [part.text for part in plain_parts("Hello there. How are you?", limit=20)] == [
        "Hello there.", "How are you?"
    ]  # fmt: skip
    assert [part.text for part in plain_parts("alpha beta gamma", limit=11)] == [
        "alpha beta", "gamma"
    ]  # fmt: skip
    assert [part.text for part in plain_parts("x" * 25, limit=10)] == ["x" * 10, "x" * 10, "x" * 5]


def test_a_code_block_that_is_cut_goes_on_as_one_of_the_same_language():
    code = "\n".join(f"print({number})" for number in range(100))
    parts = render(f"Look:\n\n```python\n{code}\n```\n\nDone.", limit=400)

    assert len(parts) > 2
    for part in parts[:-1]:
        [block] = [entity for entity in part.entities if entity.type == "pre"]
        assert block.language == "python"
        assert block.offset + block.length <= utf16_length(part.text)


@pytest.mark.no_cover  # other tests run the same lines
@given(st.text(), st.integers(min_value=10, max_value=60))
@settings(max_examples=300, deadline=None)
def test_no_part_is_empty_or_too_long_and_no_letter_is_lost(text: str, limit: int):
    parts = plain_parts(text, limit=limit)
    sent = text.encode("utf-8", "replace").decode().replace("\x00", "")
    assert all(part.text.strip() and utf16_length(part.text) <= limit for part in parts)
    if sent.strip():
        assert "".join("".join(part.text for part in parts).split()) == "".join(sent.split())


@pytest.mark.no_cover  # other tests run the same lines
@given(st.text(alphabet="ab *_`~#>[]()|\\\n-1.!😀\ud800", max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_markdown_breaks_rendering(text: str):
    for part in render(text, limit=50):
        assert part.text.strip()
        assert utf16_length(part.text) <= 50
        for entity in part.entities:
            assert 0 <= entity.offset < entity.offset + entity.length <= utf16_length(part.text)


def test_emoji_count_two_units():
    [part, *_] = plain_parts("😀" * 3000)
    assert utf16_length(part.text) == MAX_PART_UNITS
    assert len(part.text) == MAX_PART_UNITS // 2


async def test_odd_characters_are_kept_and_answered(world: World):
    world.simulator.account.queue.put(
        {
            "message": {
                "message_id": 5, "date": 1, "text": "nul \x00 half \ud83d end",
                "chat": {"id": 1001, "type": "private"},
                "from": {"id": 1001, "is_bot": False, "first_name": "A\ud800"},
            }
        }
    )  # fmt: skip
    await world.replies(1)
    [update] = await world.settled()
    assert update.outcome == "turn"
    [turn] = await world.turns()
    assert turn.status == "answered"
    [row] = await world.rows("SELECT * FROM messages WHERE role = 'user'")
    binding = bindings.text(row.id, row.dialog_id)
    assert (await world.sealer()).open_text(row.content, binding) == "nul \x00 half \ud83d end"


async def test_unsupported_content_gets_a_hint_and_is_ignored(world: World):
    world.simulator.account.queue.put(
        {
            "message": {
                "message_id": 5, "date": 1,
                "sticker": {
                    "file_id": "a", "file_unique_id": "b", "type": "regular", "width": 1,
                    "height": 1, "is_animated": False, "is_video": False,
                },
                "chat": {"id": 1001, "type": "private"},
                "from": {"id": 1001, "is_bot": False, "first_name": "Ada", "language_code": "ru"},
            }
        }
    )  # fmt: skip
    assert "только текст" in (await world.replies(1))[0]
    assert [update.outcome for update in await world.settled()] == ["ignored"]


# Groups


async def test_a_group_gets_an_answer_only_on_mention_reply_or_command(world: World):
    name = world.simulator.account.username
    chat = group()
    world.write("nobody asked the bot", chat=chat)
    world.write(f"@{name} hello", chat=chat)
    await world.replies(1, chat=chat.id)
    first = world.simulator.account.sent_log.records(chat_id=chat.id, kind="message")[0]
    assert first.reply_to is not None
    world.write("and you?", chat=chat, reply_to_message_id=first.message_id)
    await world.replies(2, chat=chat.id)
    world.write(f"/help@{name}", chat=chat)
    await world.replies(3, chat=chat.id)
    world.write("/help@another_bot", chat=chat)

    outcomes = [update.outcome for update in await world.settled()]

    assert outcomes == ["ignored", "turn", "turn", "command", "ignored"]
    turns = await world.turns()
    assert {turn.chat_type for turn in turns} == {"supergroup"}
    assert len({turn.dialog_id for turn in turns}) == 1


async def test_talking_to_others_in_a_group_creates_no_user(world: World):
    world.write("just talking", chat=group(), person=55)
    await world.settled()
    assert await world.rows("SELECT 1 FROM users") == []
    assert await world.rows("SELECT 1 FROM updates WHERE payload IS NOT NULL") == []


async def test_a_groups_dialog_is_never_mixed_with_a_private_one(world: World):
    name = world.simulator.account.username
    await world.ask("/system be a pirate")
    await world.ask("my private matter")
    world.write(f"@{name} hello", chat=group())
    await world.replies(1, chat=-GROUP_ID)

    assert [call.prompt_messages for call in world.simulator.calls] == [2, 2]
    assert len({turn.dialog_id for turn in await world.turns()}) == 2


async def test_topics_are_separate_dialogs(world: World):
    name = world.simulator.account.username
    chat = group(is_forum=True)
    for thread in (11, 12, 11):
        before = len(world.simulator.account.sent_log.texts(chat.id))
        world.write(f"@{name} hello", chat=chat, thread_id=thread)
        await world.replies(before + 1, chat=chat.id)

    await world.settled()
    assert [call.prompt_messages for call in world.simulator.calls] == [2, 2, 4]
    sent = world.simulator.account.sent_log.records(chat_id=chat.id, kind="message")
    assert [message.thread_id for message in sent] == [11, 12, 11]


async def test_an_answer_in_a_group_is_previewed_by_edits(start: Start):
    world = await start(group_preview_seconds=1.0)
    name = world.simulator.account.username
    world.simulator.model.set_behaviour(MODEL, answer="word " * 60, token_seconds=0.05)
    world.write(f"@{name} tell", chat=group())
    await world.settled()

    sent_log = world.simulator.account.sent_log
    edits = sent_log.records(chat_id=-GROUP_ID, kind="edit")
    assert len(edits) >= 2
    assert len(sent_log.texts(-GROUP_ID)) == 1
    assert edits[-1].text == ("word " * 60).strip()
    gaps = [two.at - one.at for one, two in pairwise(edits)]
    assert min(gaps[:-1], default=1.0) >= 0.9


async def test_a_private_answer_is_previewed_by_drafts_with_one_id(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="word " * 80, token_seconds=0.03)
    await world.ask("tell")

    drafts = world.simulator.account.sent_log.records(kind="draft")
    assert len(drafts) >= 3
    assert len({draft.draft_id for draft in drafts}) == 1
    lengths = [len(draft.text or "") for draft in drafts]
    assert lengths == sorted(lengths)
