"""Updates that no Telegram should send, through the real poller into the real database.

Whatever arrives ends as one outcome in the inbox, nothing of it is the fault of a handler, and
the bot answers the next person.
"""

from __future__ import annotations

import os
from itertools import count
from typing import Any

import pytest
from aiogram.enums import ContentType, UpdateType
from aiogram.types import Message
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.db.tables import UpdateRow
from common.vocabulary import UpdateOutcome
from tests.bot.conftest import Start, World
from tests.bot.constants import SENT_AT
from tests.running import eventually

EXAMPLES = int(os.environ.get("BOT_FUZZ_EXAMPLES", "4"))
BATCH = 30
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
PEOPLE = count(5_000)
NASTY = (
    "",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff tail",
    "\u202e\u2066 right to left",
    "\ufeff\u200b\u2060",
    "e" + "\u0301" * 2000,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50,
    "\uffff\ufffe",
    "\r\n" * 3000,
    "A" * 4096,
    "Ж" * 20_000,
    "😀" * 2048,
    "'; DROP TABLE users; --",
    "{0.__class__} %s %n ${x} {{7*7}}",
    "<b><i>*_`[x](tg://user?id=1)",
    "```" * 500,
    "/",
    "//",
    "/ start",
    "/start " + "x" * 5000,
    "/start@",
    "/system \x00\u202e" + "y" * 9000,
    "/language \x00",
    "/model ../../etc",
    "/usage\x00",
    "/export now",
    "/forget",
    "/stop",
    "/новая",
    "/privacy@somebody_else",
)
NUMBERS = (0, 1, -1, 2**31, -(2**31), 2**52, 2**63, -(2**63) - 1, 10**30, 1.5, True)
texts = st.sampled_from(NASTY) | st.text(max_size=40)
numbers = st.sampled_from(NUMBERS) | st.integers(1, 8)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
people = st.fixed_dictionaries(
    {"id": st.integers(1, 6), "is_bot": st.just(False), "first_name": texts},
    optional={"last_name": texts, "username": texts, "language_code": texts},
)
broken_people = st.fixed_dictionaries(
    {}, optional={"id": numbers, "is_bot": values, "first_name": values, "language_code": values}
)
chats = st.builds(
    lambda number, kind: {
        "id": number if kind == "private" else -number,
        "type": kind,
        "title": "x",
    },
    st.integers(1, 6),
    st.sampled_from(("private", "private", "group", "supergroup", "channel")),
)
broken_chats = st.fixed_dictionaries({}, optional={"id": numbers, "type": texts, "title": values})
file = {"file_id": "f", "file_unique_id": "u", "file_size": 10**12}
entities = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(("mention", "bot_command", "text_mention", "url", "moon")),
            "offset": numbers,
            "length": numbers,
        }
    ),
    max_size=3,
)
CONTENTS: dict[str, Any] = {
    "animation": {**file, "width": -1, "height": 0, "duration": 2**40},
    "audio": {**file, "duration": -5},
    "contact": {"phone_number": "\x00", "first_name": "\u202e"},
    "dice": {"emoji": "🎲", "value": 700},
    "document": {**file, "file_name": "../../etc/passwd\x00.txt", "mime_type": "text/\x00"},
    "game": {"title": "x", "description": "", "photo": []},
    "invoice": {
        "title": "", "description": "", "start_parameter": "", "currency": "", "total_amount": -1,
    },
    "left_chat_member": {"id": 77, "is_bot": True, "first_name": ""},
    "location": {"latitude": 1e308, "longitude": -1e308},
    "migrate_to_chat_id": -(2**52),
    "new_chat_members": [{"id": 77, "is_bot": True, "first_name": ""}] * 50,
    "new_chat_title": "\x00" * 300,
    "photo": [{**file, "width": 2**40, "height": -1}] * 30,
    "pinned_message": {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}},
    "poll": {
        "id": "", "question": "?", "options": [], "total_voter_count": -1, "is_closed": False,
        "is_anonymous": True, "type": "quiz", "allows_multiple_answers": False,
    },
    "sticker": {
        **file, "type": "moon", "width": 0, "height": 0, "is_animated": False, "is_video": False,
    },
    "successful_payment": {
        "currency": "XTR", "total_amount": -1, "invoice_payload": "\x00",
        "telegram_payment_charge_id": "", "provider_payment_charge_id": "",
    },
    "venue": {"location": {"latitude": 0, "longitude": 0}, "title": "", "address": ""},
    "video": {**file, "width": 0, "height": 0, "duration": 0},
    "video_note": {**file, "length": 0, "duration": 0},
    "voice": {**file, "duration": 10**9, "mime_type": ""},
    "web_app_data": {"data": "\x00" * 5000, "button_text": ""},
    "write_access_allowed": {},
    "forum_topic_created": {"name": "\x00", "icon_color": -1},
}  # fmt: skip
OF_MESSAGES = sorted({kind.value for kind in ContentType} & set(Message.model_fields))
contents = (
    st.builds(lambda words: {"text": words}, texts)
    | st.builds(lambda words, marks: {"text": words, "entities": marks}, texts, entities)
    | st.sampled_from(sorted(CONTENTS)).map(lambda name: {name: CONTENTS[name]})
    | st.builds(
        lambda name, words: {name: CONTENTS[name], "caption": words},
        st.sampled_from(sorted(CONTENTS)),
        texts,
    )
    | st.dictionaries(st.sampled_from(OF_MESSAGES), values, max_size=2)
    | st.dictionaries(st.sampled_from(sorted(Message.model_fields)), values, max_size=3)
)
messages = st.builds(
    lambda number, date, chat, person, content: {
        "message_id": number, "date": date, "chat": chat, "from": person, **content,
    },
    st.integers(1, 2**31), st.sampled_from((SENT_AT, 0, -1, 2**33, 10**18)),
    chats, people, contents,
)  # fmt: skip
broken_messages = st.fixed_dictionaries(
    {},
    optional={
        "message_id": values, "date": values, "chat": broken_chats | chats,
        "from": broken_people | people, "text": values, "entities": values,
        "reply_to_message": values,
    },
)  # fmt: skip
callbacks = st.builds(
    lambda person, data, message: {
        "id": "1", "from": person, "chat_instance": "x", "data": data, "message": message,
    },
    people,
    st.sampled_from(("forget:yes", "forget:no", "language:zz", "model:", "x" * 5000)) | texts,
    messages,
)  # fmt: skip
members = st.builds(
    lambda chat, person, status: {
        "chat": chat, "from": person, "date": SENT_AT,
        "old_chat_member": {"user": person, "status": "member"},
        "new_chat_member": {"user": person, "status": status, "until_date": 0},
    },
    chats, people, st.sampled_from(("kicked", "member", "left", "moon")),
)  # fmt: skip
KINDS = sorted(kind.value for kind in UpdateType)
plain = st.builds(
    lambda number, words: {
        "message_id": number, "date": SENT_AT, "text": words,
        "chat": {"id": number, "type": "private"},
        "from": {"id": number, "is_bot": False, "first_name": "Ada", "language_code": "en"},
    },
    st.integers(1, 6), texts,
)  # fmt: skip
updates = (
    st.builds(lambda message: {"message": message}, plain)
    | st.builds(lambda message: {"message": message}, plain)
    | st.builds(lambda message: {"message": message}, plain)
    | st.builds(lambda message: {"message": message}, messages)
    | st.builds(lambda message: {"edited_message": message}, messages)
    | st.builds(lambda message: {"message": message}, broken_messages)
    | st.builds(lambda query: {"callback_query": query}, callbacks)
    | st.builds(lambda change: {"my_chat_member": change}, members)
    | st.dictionaries(st.sampled_from(KINDS), values, max_size=2)
    | st.dictionaries(st.text(max_size=8), values, max_size=2)
)  # fmt: skip


@pytest.fixture
async def tireless(start: Start) -> World:
    """A bot that gives up on an update early."""
    return await start(max_update_attempts=2)


async def outcomes(world: World, ids: set[int]) -> dict[int, UpdateRow]:
    return {update.update_id: update for update in await world.updates() if update.update_id in ids}


@FUZZ
@given(batch=st.lists(updates, min_size=BATCH, max_size=BATCH))
async def test_every_update_ends_as_one_outcome_and_the_bot_lives(
    tireless: World, batch: list[dict[str, Any]]
) -> None:
    await survives(tireless, batch)


async def test_every_content_type_ends_as_one_outcome_and_the_bot_lives(tireless: World) -> None:
    contents = CONTENTS | {name: {} for name in OF_MESSAGES if name not in CONTENTS}
    assert len(contents) >= len(OF_MESSAGES)
    await survives(
        tireless,
        [
            {
                "message": {
                    "message_id": number, "date": SENT_AT, name: content,
                    "chat": {"id": number, "type": "private"},
                    "from": {"id": number, "is_bot": False, "first_name": "Ada"},
                }
            }
            for number, (name, content) in enumerate(sorted(contents.items()), start=100)
        ],
    )  # fmt: skip


async def survives(tireless: World, batch: list[dict[str, Any]]) -> None:
    """Deliver the updates, wait for their outcomes, and talk to somebody else."""
    queue = tireless.simulator.account.queue
    queue.allowed = frozenset({*KINDS, *(name for update in batch for name in update)})
    ids = {update_id for update in batch if (update_id := queue.put(update)) is not None}

    async def all_ended() -> bool:
        found = await outcomes(tireless, ids)
        return len(found) == len(ids) and all(update.outcome for update in found.values())

    await eventually(all_ended)
    ended = await outcomes(tireless, ids)
    assert {update.outcome for update in ended.values()} <= {each.value for each in UpdateOutcome}
    parked = [update for update in ended.values() if update.outcome == UpdateOutcome.PARKED]
    assert [(one.kind, one.error) for one in parked if one.kind != "unreadable"] == []
    assert len(ids) == len(batch)
    person = next(PEOPLE)
    assert await tireless.ask("still there?", person=person, chat=person)

    async def none_is_pending() -> bool:
        [row] = await tireless.rows("SELECT count(*) FROM turns WHERE status = 'pending'")
        return bool(row[0] == 0)

    await eventually(none_is_pending)
