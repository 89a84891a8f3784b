"""Buttons under messages, and reactions, as a user sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiogram.types import ReactionTypeEmoji
from sqlalchemy import delete, update

from bot.db.tables import UserRow, UserSettings
from bot.handlers.buttons.ratings import verdict_of
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from simulator.app import Simulator
from simulator.telegram.sent import SentAction
from simulator.telegram.world import SimUser
from tests.bot.conftest import MODEL, Start, World, breaks_down, group, running_bot
from tests.bot.constants import GROUP_ID

PERSON = SimUser(id=1001)
FRIEND = SimUser(id=7)


def last_message(world: World, chat: int = 1001) -> SentAction:
    return world.simulator.account.sent_log.records(chat_id=chat, kind="message")[-1]


def buttons(world: World, chat: int = 1001) -> dict[str, str]:
    """Icon -> data, under the last message as it is now."""
    sent = last_message(world, chat)
    message = world.simulator.account.sent_log.message(chat, sent.message_id or 0) or {}
    keyboard = message.get("reply_markup", {}).get("inline_keyboard", [])
    return {each["text"]: each["callback_data"] for row in keyboard for each in row}


def press(world: World, data: str, *, person: SimUser = PERSON, chat: int = 1001) -> None:
    world.simulator.account.press(
        data,
        message_id=last_message(world, chat).message_id or 0,
        person=person,
        chat=None if chat > 0 else group(chat),
    )


async def verdicts(world: World) -> list[tuple[int, str]]:
    rows = await world.rows("SELECT verdict, given_by FROM feedback ORDER BY user_key")
    return [(row.verdict, row.given_by) for row in rows]


def toasts(world: World) -> list[str | None]:
    return [each.text for each in world.simulator.account.sent_log.records(kind="callback_answer")]


async def test_the_last_verdict_by_button_or_reaction_counts(start: Start):
    world = await start()
    await world.ask("hello")
    await world.settled()
    shown = buttons(world)
    assert list(shown) == ["👍", "👎", "🔄"]
    answer = last_message(world).message_id or 0
    react = world.simulator.account.react

    press(world, shown["👍"])
    await world.settled()
    assert await verdicts(world) == [(1, "button")]
    assert toasts(world) == ["Thank you!"]

    react(["👎"], message_id=answer)
    await world.settled()
    assert await verdicts(world) == [(-1, "reaction")]
    react(["🐳"], message_id=answer, before=["👎"])
    await world.settled()
    assert await verdicts(world) == [(0, "reaction")]
    react(["🐳", "❤"], message_id=answer, before=["🐳"])
    press(world, shown["👎"])
    # A reaction that is taken back takes back no verdict of a button.
    react([], message_id=answer, before=["❤"])
    updates = await world.settled()

    assert await verdicts(world) == [(-1, "button")]
    assert [update.outcome for update in updates] == ["turn", *["command"] * 6]
    [turn] = await world.turns()
    assert turn.status == "answered"
    [row] = await world.rows("SELECT * FROM feedback")
    assert (row.turn_id, row.dialog_id, row.received_at) == (
        turn.id, turn.dialog_id, turn.received_at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("", "❤\ufe0f", 1),
        ("", "🐳", None),
        ("👍", "👍 🐳", None),
        ("👎 🐳", "🐳", 0),
        ("👍", "👎 👍", -1),
        ("👍 👎", "👍", 1),
    ],
)
def test_the_newest_reaction_that_judges_counts(before: str, after: str, verdict: int | None):
    old, new = ([ReactionTypeEmoji(emoji=one) for one in each.split()] for each in (before, after))
    assert verdict_of(old, new) == verdict


async def test_what_is_no_answer_here_is_not_rated(world: World):
    await world.ask("hello")
    await world.ask("hello", person=7, chat=7)
    await world.settled()
    of_another_chat = buttons(world, 7)["👎"]
    help_message = last_message(world).message_id or 0

    for data in (of_another_chat, "bad:", "bad:xyz", "good:" + "0" * 32, "later:1"):
        press(world, data)
    world.simulator.account.react(["👎"], message_id=help_message + 1000)
    world.simulator.account.react(["🐳"], message_id=help_message)
    updates = await world.settled()

    assert [update.outcome for update in updates[2:]] == ["ignored"] * 7
    assert await verdicts(world) == []
    assert "not known" in (toasts(world)[0] or "")


async def test_in_groups_each_member_rates_and_reactions_make_nobody_a_user(world: World):
    account, chat = world.simulator.account, group(-GROUP_ID)
    world.write(f"@{account.username} hello", chat=chat)
    await world.settled()
    shown = buttons(world, -GROUP_ID)
    answer = last_message(world, -GROUP_ID).message_id or 0
    assert account.react(["👍"], message_id=answer, person=PERSON, chat=chat) is None
    account.promote(chat)

    account.react(["👍"], message_id=answer, person=SimUser(id=99), chat=chat)
    account.react(["👍"], message_id=answer, person=PERSON, chat=chat)
    press(world, shown["👎"], person=FRIEND, chat=-GROUP_ID)
    await world.settled()

    assert await verdicts(world) == [(1, "reaction"), (-1, "button")]
    [people] = await world.rows("SELECT count(*) AS count FROM users")
    assert people.count == 2


async def test_erasure_keeps_verdicts_and_forgets_which_message_they_were_about(world: World):
    await world.ask("hello")
    await world.settled()
    press(world, buttons(world)["👎"])
    answer = last_message(world).message_id or 0
    await world.settled()
    world.write("/export")
    await world.until(lambda: world.simulator.account.sent_log.records(kind="document"))
    [document] = world.simulator.account.sent_log.records(kind="document")
    stored = world.simulator.account.sent_log.file(document.file_id or "")
    assert stored is not None
    [rated] = json.loads(stored.content)["ratings"]
    assert (rated["verdict"], rated["given_by"]) == (-1, "button")
    press(world, "forget:yes")
    await world.settled()
    await world.replies(2)

    world.simulator.account.react(["👍"], message_id=answer)
    await world.settled()

    assert await verdicts(world) == [(-1, "button")]
    [left] = await world.rows("SELECT count(*) AS count FROM sent_answers")
    assert left.count == 0


async def test_what_was_pressed_while_the_bot_was_down_is_handled_when_it_is_back(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
):
    async with running_bot(simulator, database, sessions) as world:
        await world.ask("hello")
        await world.settled()
    shown = buttons(world)
    press(world, shown["👎"])
    press(world, shown["🔄"])
    simulator.account.react(["👍"], message_id=last_message(world).message_id or 0)

    async with running_bot(simulator, database, sessions) as world:
        updates = await world.settled()

    assert [update.outcome for update in updates] == ["turn", "command", "turn", "command"]
    assert await verdicts(world) == [(1, "reaction")]
    assert len(simulator.calls) == 2


async def test_again_is_tried_again_after_a_failure_and_paid_once(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    await world.ask("hello")
    await world.settled()
    answer, failures = world.app.turns.answer, iter([breaks_down])

    async def fails_once(*arguments: Any) -> Any:
        return await next(failures, answer)(*arguments)

    monkeypatch.setattr(world.app.turns, "answer", fails_once)
    press(world, buttons(world)["🔄"])
    updates = await world.settled()

    assert [(update.outcome, update.attempts) for update in updates] == [("turn", 0), ("turn", 1)]
    assert len(world.simulator.calls) == len(await world.turns()) == 2


async def test_again_replaces_the_last_answer_and_no_other(world: World):
    await world.ask("one")
    first = buttons(world)
    await world.ask("two")
    await world.settled()

    press(world, first["🔄"])
    await world.settled()
    assert "last answer" in (toasts(world)[-1] or "")
    press(world, buttons(world)["🔄"])
    await world.replies(3)
    updates = await world.settled()

    assert [update.outcome for update in updates] == ["turn", "turn", "ignored", "turn"]
    assert [turn.user_messages for turn in await world.turns()] == [1, 1, 0]
    assert world.simulator.calls[-1].prompt_messages == world.simulator.calls[-2].prompt_messages


async def test_an_answer_cut_by_its_length_can_be_continued(start: Start):
    world = await start(llm_max_tokens=5)
    world.simulator.model.set_behaviour(MODEL, answer="word " * 40)
    await world.ask("tell me")
    await world.settled()

    press(world, buttons(world)["▶️"])
    await world.settled()

    assert [turn.status for turn in await world.turns()] == ["answered", "answered"]
    assert world.simulator.calls[1].prompt_messages == world.simulator.calls[0].prompt_messages + 2


@pytest.mark.parametrize("place", ["draft", "group"])
async def test_stop_on_a_running_answer_keeps_what_was_written_and_its_cost(
    start: Start, place: str
):
    world = await start(group_preview_seconds=1.0)
    account = world.simulator.account
    world.simulator.model.set_behaviour(MODEL, answer="word " * 400, token_seconds=0.05)
    if place == "draft":
        world.write("tell me everything")
        await world.until(lambda: account.sent_log.records(kind="draft"))
        draft = account.sent_log.records(kind="draft")[-1]
        assert draft.can_stop
        account.stop_draft(draft.draft_id or 0)
    else:
        world.write(f"@{account.username} tell me everything", chat=group(-GROUP_ID))
        await world.replies(1, chat=-GROUP_ID)
        assert buttons(world, -GROUP_ID) == {"⏹ Stop": "stop"}
        press(world, "stop", chat=-GROUP_ID)
    updates = await world.settled()

    chat = 1001 if place == "draft" else -GROUP_ID
    [turn] = await world.turns()
    assert (turn.status, turn.reason) == ("cancelled", "stopped")
    assert turn.answer_chars > 0
    assert [update.outcome for update in updates] == ["turn", "command"]
    assert "⏹ Stop" not in buttons(world, chat)
    assert "Stopped" in account.sent_log.texts(chat)[-1]
    [call] = await world.rows("SELECT outcome, is_unpriced, reserve_usd FROM llm_calls")
    assert call.outcome == "cancelled"
    assert call.is_unpriced
    assert call.reserve_usd > 0


async def test_models_and_history_are_chosen_by_button(start: Start):
    prices = '{"other": {"prompt": 2.5, "completion": 10}}'
    world = await start(llm_allowed_models="other", llm_prices=json.loads(prices))
    await world.ask("/model")
    shown = buttons(world)
    assert list(shown) == [MODEL, "other · $2.50 / $10.00"]
    press(world, shown["other · $2.50 / $10.00"])
    assert "now other" in (await world.replies(2))[-1]

    await world.ask("/history")
    press(world, buttons(world)["0"])
    assert "Remembered messages: 0." in (await world.replies(4))[-1]
    press(world, "model:0000000000000000")
    press(world, "history:999")
    await world.settled()

    [settings] = await world.rows("SELECT model, max_history_messages FROM user_settings")
    assert tuple(settings) == ("other", 0)
    assert "not offered" in (toasts(world)[-2] or "")


async def test_texts_are_closed_and_opened_to_analysts_by_a_button(start: Start):
    world = await start(texts_readable_of_earlier_people=False)
    assert "they may; not if you first wrote before" in await world.ask("/privacy")
    close = buttons(world)["🔒 Close my texts to analysts"]

    press(world, close)
    press(world, close)
    await world.settled()
    assert "closed to the operator's analysts" in (last_message(world).text or "")
    assert await readers(world) == [False]

    [opening] = buttons(world).values()
    press(world, opening)
    updates = await world.settled()
    assert await readers(world) == [True]
    assert [update.outcome for update in updates] == ["command"] * 4
    async with transaction(world.sessions) as session:
        await session.execute(update(UserRow).values(predates_choice=True))
        await session.execute(delete(UserSettings))
    assert "Your texts are closed" in await world.ask("/privacy")


async def test_who_is_not_counted_has_turns_and_dialogs_apart(start: Start):
    world = await start(counts_earlier_people=False)
    await world.ask("hello")
    await world.settled()
    assert "you are; not if you first wrote before" in await world.ask("/privacy")
    leave_out = buttons(world)["Do not count me as a person"]

    press(world, leave_out)
    press(world, leave_out)
    await world.settled()
    assert "You are not counted as a person now." in (last_message(world).text or "")
    [count] = buttons(world).values()
    await world.ask("hello again")
    await world.settled()
    press(world, buttons(world)["👎"])
    press(world, count)
    await world.settled()
    await world.ask("hello once more")
    updates = await world.settled()

    turns = await world.turns()
    assert [turn.is_counted for turn in turns] == [True, False, True]
    assert len({turn.dialog_id for turn in turns}) == 3
    [rating] = await world.rows("SELECT verdict, is_counted FROM feedback")
    assert (rating.verdict, rating.is_counted) == (-1, False)
    outcomes = [update.outcome for update in updates]
    assert outcomes == ["turn", "command", "command", "command", "turn", *["command"] * 2, "turn"]
    async with transaction(world.sessions) as session:
        await session.execute(update(UserRow).values(predates_choice=True))
        await session.execute(delete(UserSettings))
    await world.ask("hello as before")
    await world.settled()
    assert not (await world.turns())[-1].is_counted


async def test_a_group_is_not_told_who_may_read_a_persons_texts(world: World):
    world.simulator.account.send_text(
        f"/privacy@{world.simulator.account.username}", person=PERSON, chat=group(-GROUP_ID)
    )
    [said] = await world.replies(1, chat=-GROUP_ID)

    assert "Use /privacy in our private chat to choose." in said
    assert buttons(world, -GROUP_ID) == {}


async def readers(world: World) -> list[bool]:
    rows = await world.rows("SELECT are_texts_readable FROM user_settings")
    return [row.are_texts_readable for row in rows]
