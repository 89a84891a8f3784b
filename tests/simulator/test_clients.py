"""The clients that the bot uses, unchanged, against the simulator over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramUnauthorizedError
from aiogram.types import BotCommand, BufferedInputFile, Message
from openai import AsyncOpenAI

from simulator.app import Simulator
from simulator.telegram.world import SimUser
from tests.simulator.conftest import until_polled
from tests.simulator.constants import STRANGERS_TOKEN


def make_bot(simulator: Simulator, token: str | None = None) -> Bot:
    server = TelegramAPIServer.from_base(simulator.url)
    return Bot(token or simulator.token, session=AiohttpSession(api=server))


@pytest.fixture
async def bot(simulator: Simulator) -> AsyncIterator[Bot]:
    async with make_bot(simulator) as bot:
        yield bot


@pytest.fixture
async def openai_client(simulator: Simulator) -> AsyncIterator[AsyncOpenAI]:
    client = AsyncOpenAI(
        base_url=simulator.model_url, api_key=simulator.api_key or "", max_retries=0
    )
    async with client:
        yield client


async def test_a_dispatcher_polls_a_message_and_its_answer_arrives(
    simulator: Simulator, bot: Bot
) -> None:
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def echo(message: Message) -> None:
        await message.answer(f"you said {message.text}")

    polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False))
    simulator.account.send_text("hello", person=SimUser(id=77))
    await simulator.wait_until(lambda: simulator.account.sent_log.texts(77))
    await simulator.wait_until(lambda: simulator.counters.updates_confirmed == 1)
    await dispatcher.stop_polling()
    await polling
    assert simulator.account.sent_log.texts(77) == ["you said hello"]


async def test_an_update_is_delivered_until_an_offset_confirms_it(
    simulator: Simulator, bot: Bot
) -> None:
    (update_id,) = simulator.account.send_text("hello")
    first = await bot.get_updates()
    again = await bot.get_updates()
    rest = await bot.get_updates(offset=update_id + 1)
    assert [update.update_id for update in first + again] == [update_id, update_id]
    assert rest == []
    assert simulator.counters.updates_confirmed == 1


async def test_a_long_poll_ends_with_the_message(simulator: Simulator, bot: Bot) -> None:
    began = time.monotonic()
    polling = asyncio.create_task(bot.get_updates(timeout=50, request_timeout=90))
    await until_polled(simulator)
    simulator.account.send_text("now")
    updates = await polling
    assert time.monotonic() - began < 40, "it waited for its end"
    assert updates[0].message is not None
    assert updates[0].message.text == "now"


async def test_who_the_bot_is_and_which_commands_it_has(simulator: Simulator, bot: Bot) -> None:
    me = await bot.get_me()
    await bot.set_my_commands([BotCommand(command="start", description="Begin")])
    assert me.id == simulator.account.id
    assert [command.command for command in await bot.get_my_commands()] == ["start"]
    assert simulator.account.registered_commands() == {"start"}


async def test_a_document_arrives_with_its_bytes(simulator: Simulator, bot: Bot) -> None:
    await bot.send_document(5, BufferedInputFile(b'{"a": 1}', "export.json"), caption="yours")
    (sent,) = simulator.account.sent_log.records(chat_id=5)
    assert (sent.kind, sent.file_name, sent.text) == ("document", "export.json", "yours")
    assert sent.file_id is not None
    stored = simulator.account.sent_log.file(sent.file_id)
    assert stored is not None
    assert json.loads(stored.content) == {"a": 1}


async def test_a_wrong_token_is_unauthorised(simulator: Simulator) -> None:
    async with make_bot(simulator, STRANGERS_TOKEN) as stranger:
        with pytest.raises(TelegramUnauthorizedError):
            await stranger.get_me()


async def test_a_streamed_answer_brings_usage_with_cost_last(
    simulator: Simulator, openai_client: AsyncOpenAI
) -> None:
    stream = await openai_client.chat.completions.create(
        model="openai/gpt-4o-mini",
        messages=[{"role": "user", "content": "why [[marker-1]]?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    events = [event async for event in stream]
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    usage = events[-1].usage
    assert "marker-1" in text
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert (usage.model_extra or {})["cost"] == simulator.calls[0].cost
    assert events[-2].choices[0].finish_reason == "stop"
    assert simulator.calls[0].outcome == "answered"


async def test_an_answer_without_streaming_is_the_same_text(openai_client: AsyncOpenAI) -> None:
    async def ask() -> str | None:
        answer = await openai_client.chat.completions.create(
            model="openai/gpt-4o-mini", messages=[{"role": "user", "content": "why?"}]
        )
        return answer.choices[0].message.content

    assert await ask() == await ask()
