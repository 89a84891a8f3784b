"""Every command, as a user sees it."""

from __future__ import annotations

import orjson
import pytest

from simulator.telegram.faults import TelegramFault
from simulator.telegram.world import SimUser
from tests.bot.conftest import MODEL, Start, World, group
from tests.bot.constants import GROUP_ID
from tests.running import eventually


async def outcomes(world: World) -> list[str | None]:
    return [update.outcome for update in await world.settled()]


async def test_start_greets_and_keeps_the_source_for_the_first_turn(world: World):
    reply = await world.ask("/start campaign_7")
    assert "/help" in reply
    await world.ask("/start other")

    await world.ask("hello")
    await world.ask("again")

    await world.settled()
    assert [turn.source for turn in await world.turns()] == ["campaign_7", None]


async def test_help_is_in_the_users_language(world: World):
    assert "новый разговор" in await world.ask("/help", language="ru-RU")
    assert "new conversation" in await world.ask("/help", person=7, chat=7, language="de")


async def test_commands_are_registered_for_every_language(world: World):
    account = world.simulator.account
    await world.until(lambda: len(account.commands) >= 6)

    by_language, in_groups = (
        {code: listed for (kind, code), listed in account.commands.items() if kind == scope}
        for scope in ("default", "all_group_chats")
    )
    assert set(by_language) == set(in_groups) == {"", "en", "ru"}
    private_only = {"system", "usage", "export", "forget"}
    assert {each["command"] for each in by_language["ru"]} - private_only == {
        each["command"] for each in in_groups["ru"]
    }
    assert by_language["ru"] != by_language["en"]
    assert {command["command"] for command in by_language["ru"]} >= {
        "start", "help", "new", "system", "history", "model", "stop", "redo", "usage",
        "privacy", "export", "forget",
    }  # fmt: skip


async def test_new_begins_without_history(world: World):
    await world.ask("one")
    await world.ask("/new")
    await world.ask("two")

    assert [call.prompt_messages for call in world.simulator.calls] == [2, 2]
    assert len({turn.dialog_id for turn in await world.turns()}) == 2
    await world.settled()
    assert sorted(await outcomes(world)) == ["command", "turn", "turn"]


async def test_a_message_that_is_no_question_gets_a_hint_and_costs_nothing(world: World):
    hints = [
        ("/weather in Paris", "/help lists"),
        ("/hepl", "Did you mean /help?"),
        ("/help.", "Did you mean /help?"),
        ("/MODLE 2", "Did you mean /model?"),
        ("/help@another_bot", "Did you mean /help?"),
        ("/помощь", "/help lists"),
        ("\u2800\u200b", "is empty"),
    ]
    for person, (words, hint) in enumerate(hints, start=1):
        assert hint in await world.ask(words, person=person, chat=person)

        [*_, update] = updates = await world.settled()
        assert (len(updates), len(world.simulator.calls)) == (person, 0)
        assert update.outcome == "ignored"
        assert update.refused_kind in {"unknown_command", "blank"}, words


async def test_a_path_is_no_command(world: World):
    await world.ask("/usr/bin/python fails")
    assert await outcomes(world) == ["turn"]


async def test_service_messages_get_no_answer(world: World):
    contents: list[dict[str, object]] = [
        {"successful_payment": {
            "currency": "XTR", "total_amount": 1, "invoice_payload": "x",
            "telegram_payment_charge_id": "a", "provider_payment_charge_id": "b",
        }},
        {"connected_website": "example.org"},
        {"gift": {}},
        {"of_next_year": {}},
    ]  # fmt: skip
    for content in contents:
        world.simulator.account.send_content("message_effect_id", "x", more=content)
    updates = await world.settled()
    assert [update.outcome for update in updates] == ["ignored"] * len(contents)
    assert world.simulator.account.sent_log.texts(1001) == []


async def test_an_album_and_many_stickers_get_one_notice_each(world: World):
    photo = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
    for _ in range(5):
        world.simulator.account.send_content("photo", photo, more={"media_group_id": "7"})
    sticker = {
        "file_id": "a", "file_unique_id": "b", "type": "regular", "width": 1, "height": 1,
        "is_animated": False, "is_video": False,
    }  # fmt: skip
    for _ in range(20):
        world.simulator.account.send_content("sticker", sticker, person=SimUser(id=5))
    updates = await world.settled()
    assert len(world.simulator.account.sent_log.texts(1001)) == 1
    assert len(world.simulator.account.sent_log.texts(5)) == 1
    assert [update.refused_kind for update in updates] == ["photo"] * 5 + ["sticker"] * 20
    registry = world.app.metrics.registry
    assert registry.get_sample_value("bot_refused_content_total", {"kind": "sticker"}) == 20


async def test_system_is_shown_set_and_reset(world: World):
    assert "no instruction" in await world.ask("/system")
    await world.ask("/system Answer in rhymes")
    assert "Answer in rhymes" in await world.ask("/system")
    await world.ask("/system reset")
    assert "no instruction" in await world.ask("/system")
    assert "Too long" in await world.ask("/system " + "x" * 2001)


async def test_history_limits_what_is_sent(world: World):
    assert "20" in await world.ask("/history")
    await world.ask("/history 2")
    for word in ("one", "two", "three"):
        await world.ask(word)
    assert world.simulator.calls[-1].prompt_messages == 4
    assert "0 to 20." in await world.ask("/history many")
    assert "0 to 20." in await world.ask("/history 200")
    await world.ask("/history reset")
    assert "20" in await world.ask("/history")


async def test_model_is_chosen_from_the_allowed_list_only(start: Start):
    world = await start(llm_allowed_models="sim/clever, sim/quick")
    assert "sim/clever" in await world.ask("/model")
    await world.ask("/model 2")
    await world.ask("hello")
    assert "no such model" in await world.ask("/model evil/model")
    assert "no such model" in await world.ask("/model ²")
    await world.ask("/model sim/primary")
    await world.ask("hello")

    assert [call.model for call in world.simulator.calls] == ["sim/clever", MODEL]


async def test_redo_answers_the_last_text_again_and_counts_it_once(world: World):
    await world.ask("a question")
    world.simulator.model.set_behaviour(MODEL, answer="a better answer")

    assert await world.ask("/redo") == "a better answer"

    assert await outcomes(world) == ["turn", "turn"]
    first, second = await world.turns()
    assert (first.user_messages, second.user_messages) == (1, 0)
    assert [call.prompt_messages for call in world.simulator.calls] == [2, 2]
    assert world.simulator.calls[0].text_sha256 == world.simulator.calls[1].text_sha256
    await world.ask("next")
    assert world.simulator.calls[-1].prompt_messages == 4


async def test_redo_without_a_question_says_so(world: World):
    assert "no message to answer again" in await world.ask("/redo")
    assert await outcomes(world) == ["command"]


async def test_stop_ends_the_running_answer_at_once_and_keeps_what_was_said(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="word " * 400, token_seconds=0.05)
    world.write("tell me everything")
    await world.until(lambda: world.simulator.counters.drafts_sent > 0)

    world.write("/stop")
    replies = await world.replies(2)

    assert replies[0].startswith("word")
    assert "Stopped" in replies[1]
    await world.settled()
    [turn] = await world.turns()
    assert (turn.status, turn.reason) == ("cancelled", "stopped")
    assert turn.answer_chars > 0
    await world.until(lambda: world.simulator.calls[0].outcome == "disconnected")


async def test_stop_with_nothing_running_says_so(world: World):
    assert "no answer to stop" in await world.ask("/stop")


@pytest.mark.usefixtures("one_day")
async def test_usage_shows_numbers_and_a_picture(world: World):
    assert "not used" in await world.ask("/usage")
    await world.ask("hello")

    world.write("/usage")

    sent_log = world.simulator.account.sent_log
    await world.until(lambda: sent_log.records(kind="photo"))
    [picture] = sent_log.records(kind="photo")
    assert picture.text is not None
    assert picture.text.startswith("Today: messages 1, tokens")
    assert "cost $0." in picture.text
    stored = sent_log.file(picture.file_id or "")
    assert stored is not None
    assert stored.content.startswith(b"\x89PNG")


@pytest.mark.usefixtures("one_day")
async def test_usage_comes_without_its_picture_where_that_is_refused(world: World):
    await world.ask("hello")
    world.simulator.telegram.faults.add(
        TelegramFault(
            kind="error",
            method="sendPhoto",
            status=400,
            description="Bad Request: not enough rights to send photos to the chat",
        )
    )

    reply = await world.ask("/usage")

    assert reply.startswith("Today: messages 1, tokens")
    assert "cost $0." in reply


async def test_privacy_names_the_rights(world: World):
    reply = await world.ask("/privacy")
    assert "/forget" in reply
    assert "/export" in reply
    assert "every access is recorded" in reply
    assert "каждый доступ записывается" in await world.ask("/privacy", language="ru")


async def test_export_is_a_file_with_every_text(world: World):
    await world.ask("/system be kind")
    await world.ask("my question")

    world.write("/export")

    sent_log = world.simulator.account.sent_log
    await world.until(lambda: sent_log.records(kind="document"))
    [sent] = sent_log.records(kind="document")
    stored = sent_log.file(sent.file_id or "")
    assert stored is not None
    exported = orjson.loads(stored.content)
    assert exported["profile"]["telegram_id"] == 1001
    assert exported["settings"]["system_prompt"] == "be kind"
    assert exported["messages"][0]["text"] == "my question"
    assert [message["role"] for message in exported["messages"]] == ["user", "assistant"]
    assert len(exported["turns"]) == 1


async def test_forget_asks_first_and_may_be_declined(world: World):
    await world.ask("hello")
    await press_forget(world, "forget:no")

    assert "Nothing was erased" in (await world.replies(3))[2]
    assert len(await world.rows("SELECT 1 FROM users")) == 1


async def press_forget(world: World, button: str) -> None:
    """Ask to be forgotten and press a button of the answer."""
    sent_log = world.simulator.account.sent_log
    before = len(sent_log.records(kind="message"))
    world.write("/forget")
    await world.until(lambda: len(sent_log.records(kind="message")) > before)
    asked = sent_log.records(kind="message")[-1]
    assert asked.reply_markup is not None
    world.simulator.account.press(button, message_id=asked.message_id or 0)


async def test_forget_destroys_the_key_and_keeps_the_totals(world: World):
    await world.ask("hello")
    await world.settled()
    before = await world.rows(
        "SELECT count(*), sum(user_messages), sum(cost_usd), sum(prompt_tokens) FROM turns"
    )

    await press_forget(world, "forget:yes")

    receipt = (await world.replies(3))[2]
    assert "Messages: 2" in receipt
    await world.settled()
    for table in ("users", "messages", "dialogs", "user_settings"):
        assert await world.rows(f"SELECT 1 FROM {table}") == []  # our own names
    assert await world.rows("SELECT 1 FROM updates WHERE payload IS NOT NULL") == []
    after = await world.rows(
        "SELECT count(*), sum(user_messages), sum(cost_usd), sum(prompt_tokens) FROM turns"
    )
    assert after == before
    [tombstone] = await world.rows("SELECT table_name FROM tombstones")
    assert tombstone.table_name == "users"


async def test_a_user_who_returns_after_forget_is_a_new_user(world: World):
    await world.ask("hello")
    await press_forget(world, "forget:yes")
    await world.replies(3)

    await world.ask("hello again")

    await world.settled()
    assert len({turn.user_key for turn in await world.turns()}) == 2
    assert world.simulator.calls[-1].prompt_messages == 2
    # Nothing leads from the old self's turns to the new one: not the chat they came from either.
    linked = await world.rows(
        "SELECT 1 FROM updates old JOIN turns ON turns.id = old.turn_id"
        " JOIN updates new ON new.lane = old.lane AND new.user_key IS DISTINCT FROM turns.user_key"
        " WHERE old.lane <> ''"
    )
    assert linked == []


async def test_forget_cancels_the_running_answer_of_a_group(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="word " * 400, token_seconds=0.05)
    name = world.simulator.account.username
    world.write(f"@{name} tell me everything", chat=group())
    await world.until(lambda: len(world.simulator.calls) == 1)

    await press_forget(world, "forget:yes")
    await world.replies(2)
    await world.settled()

    [turn] = await world.turns()
    assert (turn.status, turn.reason) == ("cancelled", "erased")
    assert await world.rows("SELECT 1 FROM messages") == []


async def test_a_text_sent_after_forget_is_answered_for_the_new_user(world: World):
    await world.ask("hello")
    await press_forget(world, "forget:yes")
    world.write("one more thing")

    await world.replies(4)
    await world.settled()

    assert [turn.status for turn in await world.turns()] == ["answered", "answered"]
    assert len(await world.rows("SELECT 1 FROM users")) == 1


async def test_blocking_and_returning_are_kept_on_the_user(world: World):
    await world.ask("hello")
    account = world.simulator.account

    account.block(person=SimUser())
    await eventually(lambda: has_blocked(world))
    account.unblock(person=SimUser())
    await eventually(lambda: has_not_blocked(world))

    assert await outcomes(world) == ["turn", "ignored", "ignored"]


async def has_blocked(world: World) -> bool:
    return bool(await world.rows("SELECT 1 FROM users WHERE blocked_at IS NOT NULL"))


async def has_not_blocked(world: World) -> bool:
    return not await has_blocked(world)


async def test_private_commands_are_refused_in_a_group(world: World):
    for number, command in enumerate(("/export", "/forget", "/system", "/usage"), start=1):
        world.write(command, chat=group())
        replies = await world.replies(number, chat=-GROUP_ID)
        assert len(replies) == number
        assert "private chat" in replies[-1], command
