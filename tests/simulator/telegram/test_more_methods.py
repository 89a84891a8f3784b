"""Pictures, files, buttons, profile and chats, as the bot asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest, TelegramNotFound
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)
from aiohttp import ClientSession

from simulator.app import Simulator
from simulator.telegram.world import SimChat
from tests.simulator.constants import BAD_REQUEST, CHAT_NOT_FOUND, NOT_MODIFIED

Call = Callable[..., Awaitable[dict[str, Any]]]
MARKUP = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="a", callback_data="b")]])


@pytest.fixture
async def bot(simulator: Simulator) -> AsyncIterator[Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(simulator.url))
    async with Bot(simulator.token, session=session) as bot:
        yield bot


async def test_a_picture_can_be_downloaded_again(bot: Bot) -> None:
    message = await bot.send_photo(5, BufferedInputFile(b"\x89PNG", "chart.png"), caption="*")
    assert message.photo is not None
    content = await bot.download(message.photo[-1])
    again = await bot.send_photo(5, message.photo[-1].file_id)
    assert content is not None
    assert content.read() == b"\x89PNG"
    assert again.photo is not None
    with pytest.raises(TelegramBadRequest, match="wrong file identifier"):
        await bot.send_photo(5, "nonsense")
    with pytest.raises(TelegramBadRequest, match="file must be non-empty"):
        await bot.send_document(5, BufferedInputFile(b"", "empty.txt"))


async def test_buttons_change_without_the_text(simulator: Simulator, bot: Bot) -> None:
    message = await bot.send_message(5, "sure?", reply_markup=MARKUP)
    edited = await bot.edit_message_reply_markup(chat_id=5, message_id=message.message_id)
    with pytest.raises(TelegramBadRequest, match=NOT_MODIFIED):
        await bot.edit_message_reply_markup(chat_id=5, message_id=message.message_id)
    await bot.answer_callback_query("1", text="done")
    assert edited is not True
    assert edited.reply_markup is None
    kinds = [sent.kind for sent in simulator.account.sent_log.records()]
    assert kinds == ["message", "markup", "callback_answer"]


async def test_commands_differ_by_language_and_scope(bot: Bot) -> None:
    scope = BotCommandScopeAllPrivateChats()
    await bot.set_my_commands([BotCommand(command="start", description="Begin")])
    await bot.set_my_commands(
        [BotCommand(command="help", description="Помощь")], scope=scope, language_code="ru"
    )
    assert [each.command for each in await bot.get_my_commands()] == ["start"]
    assert [
        each.command for each in await bot.get_my_commands(scope=scope, language_code="ru")
    ] == ["help"]
    await bot.delete_my_commands()
    assert await bot.get_my_commands() == []
    for wrong in ("", "команда", "x" * 33):
        with pytest.raises(TelegramBadRequest, match="BOT_COMMAND_INVALID"):
            await bot.set_my_commands([BotCommand(command=wrong, description="x")])


async def test_descriptions_are_kept_by_language(bot: Bot) -> None:
    await bot.set_my_description("answers", language_code="en")
    await bot.set_my_short_description("short")
    await bot.set_my_name("Bot")
    assert (await bot.get_my_description(language_code="en")).description == "answers"
    assert (await bot.get_my_description()).description == ""
    assert (await bot.get_my_short_description()).short_description == "short"
    assert (await bot.get_my_name()).name == "Bot"


async def test_chats_and_members_are_known(simulator: Simulator, bot: Bot) -> None:
    simulator.account.add_to_group(SimChat(id=-100, type="group", title="Group"))
    assert (await bot.get_chat(-100)).title == "Group"
    assert (await bot.get_chat_member(-100, simulator.account.id)).user.is_bot
    assert (await bot.get_chat_member(-100, 7)).status == "member"
    with pytest.raises(TelegramBadRequest, match=CHAT_NOT_FOUND):
        await bot.get_chat(-200)


async def test_pending_updates_can_be_dropped(simulator: Simulator, call: Call) -> None:
    simulator.account.send_text("old")
    assert (await call("deleteWebhook", drop_pending_updates=True))["ok"]
    assert (await call("getUpdates"))["result"] == []


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("setWebhook", {"url": "ftp://x"}),
        ("setMyCommands", {}),
        ("setMyCommands", {"commands": "[{"}),
        ("setMyCommands", {"commands": {"a": 1}}),
        ("setMyCommands", {"commands": [{"command": "a"}]}),
        ("getUpdates", {"limit": 0}),
        ("getUpdates", {"offset": "x"}),
        ("sendChatAction", {"chat_id": 5, "action": "dancing"}),
        ("sendMessageDraft", {"chat_id": 5, "text": "x"}),
        ("editMessageText", {"inline_message_id": "x", "text": "x"}),
        ("answerCallbackQuery", {}),
        ("getFile", {"file_id": "x"}),
    ],
)
async def test_wrong_parameters_are_bad_requests(
    call: Call, method: str, parameters: dict[str, object]
) -> None:
    answer = await call(method, **parameters)
    assert answer["error_code"] == 400
    assert answer["description"].startswith(BAD_REQUEST)


async def test_a_body_that_is_no_json_is_a_bad_request(
    simulator: Simulator, http: ClientSession
) -> None:
    url = f"{simulator.url}/bot{simulator.token}/getMe"
    for body in (b"{", b"[1]"):
        headers = {"Content-Type": "application/json"}
        async with http.post(url, data=body, headers=headers) as response:
            assert response.status == 400


async def test_an_unknown_file_is_not_found(simulator: Simulator, http: ClientSession) -> None:
    async with http.get(f"{simulator.url}/file/bot{simulator.token}/documents/x") as response:
        assert response.status == 404


async def test_methods_that_do_not_exist_are_counted_as_one(bot: Bot, simulator: Simulator) -> None:
    with pytest.raises(TelegramNotFound):
        await bot.send_dice(5)
    assert simulator.counters.methods == {"unknown": 1}
