"""The operator's mail: what the pipelines wrote arrives once, with its chart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from bot.operator.notifier import OperatorNotifier
from common.postgres import Sessions, transaction
from tests.bot.conftest import Start, World

OPERATOR = 1001
CHART = {"title": "User messages per day", "days": [["2026-03-01", 3], ["2026-03-02", 5]]}


async def write(sessions: Sessions, key: str, **payload: Any) -> None:
    async with transaction(sessions) as session:
        await session.execute(
            text("INSERT INTO outbox (key, payload) VALUES (:key, CAST(:payload AS jsonb))"),
            {"key": key, "payload": json.dumps(payload)},
        )


def mail_of(world: World, **more: Any) -> OperatorNotifier:
    return OperatorNotifier(
        OPERATOR,
        sessions=world.sessions,
        sender=world.app.sender,
        translate=world.app.translations.for_language(more.pop("language", "en")),
        **more,
    )


async def sent(world: World) -> list[Any]:
    return await world.rows("SELECT key, attempts, sent_at IS NOT NULL FROM outbox ORDER BY id")


async def test_an_entry_is_sent_once_with_its_chart(start: Start, sessions: Sessions) -> None:
    world = await start()
    world.write("hello")
    await world.replies()
    await write(sessions, "digest 2026-03-02", text="5 messages", chart=CHART)
    mail = mail_of(world)
    assert await mail.send_one()
    assert not await mail.send_one()
    assert [tuple(row) for row in await sent(world)] == [("digest 2026-03-02", 1, True)]
    records = world.simulator.account.sent_log.records(chat_id=OPERATOR)
    pictures = [one.text for one in records if one.file_id]
    assert pictures == ["5 messages"]


async def test_two_replicas_do_not_send_the_same_entry(start: Start, sessions: Sessions) -> None:
    world = await start()
    for number in range(6):
        await write(sessions, f"note {number}", text=f"note {number}")
    first, second = mail_of(world), mail_of(world)
    while (await first.send_one()) | (await second.send_one()):
        pass
    assert all(row[1:] == (1, True) for row in await sent(world))


@pytest.mark.parametrize(
    ("language", "again"),
    [("en", "This may have reached you before."), ("ru", "Возможно, это сообщение уже приходило.")],
)
async def test_an_unconfirmed_message_is_sent_again_with_a_note(
    language: str, again: str, start: Start, sessions: Sessions
) -> None:
    world = await start()
    world.write("hello")
    await world.replies()
    await write(sessions, "note", text="look at this")
    async with transaction(sessions) as session:
        # A bot that was killed while Telegram was answering.
        await session.execute(
            text("UPDATE outbox SET attempts = 1, claimed_at = now() - interval '1 hour'")
        )
    mail = mail_of(world, language=language)
    assert await mail.send_one()
    assert not await mail.send_one()
    assert (await world.replies(2))[-1] == f"{again}\n\nlook at this"


async def test_nothing_is_sent_without_an_operator_chat(start: Start, sessions: Sessions) -> None:
    world = await start()
    await write(sessions, "note", text="look at this")
    await world.ask("hello")
    assert [tuple(row) for row in await sent(world)] == [("note", 0, False)]


async def test_the_bot_notifies_the_operator_chat(start: Start, sessions: Sessions) -> None:
    await write(sessions, "note", text="look at this")
    world = await start(operator_chat_id=OPERATOR)
    world.write("hello")
    texts = await world.replies(2)
    assert "look at this" in texts


@pytest.mark.parametrize("length", [2_000, 4_000])
async def test_a_long_text_is_a_message_of_its_own(
    length: int, start: Start, sessions: Sessions
) -> None:
    world = await start()
    world.write("hello")
    await world.replies()
    await write(sessions, "digest", text="x" * length, chart=CHART)
    assert await mail_of(world).send_one()
    assert (await world.replies(2))[-1] == "x" * length
