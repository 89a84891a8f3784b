"""Texts of dialogs: who may read them, what is recorded, what an erasure leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from api.metrics import ApiMetrics
from api.people.bot_database import BotTables
from api.people.dialog_texts import OLDEST, DialogTexts
from bot.db.tables import FeedbackRow, MessageRow, Turn, UserRow, UserSettings
from common.encryption.sealing import OpeningPolicy, Vault
from common.postgres import Sessions, transaction
from common.settings import ConsentSettings
from tests.api.constants import STATS
from tests.api.people.people import (
    VAULT,
    add_dialog,
    add_failed_call,
    add_person,
    add_text,
    erase,
)
from tests.api.running import DATA_KEY, NOW, StartApi, bearer, register
from tests.api.scopes import grant
from tests.bot.users.old_values import make_old


async def test_texts_are_read_in_order_and_every_reading_is_recorded(
    reader_of_names: httpx.AsyncClient, sessions: Sessions
) -> None:
    dialog = await add_dialog(sessions, user_key=1, texts=["hi", "hello", "a \ud800 b", "ok"])
    answer = await reader_of_names.get(f"/api/v1/dialogs/{dialog}/text")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert sorted(message["text"] for message in shown["messages"][:2]) == ["hello", "hi"]
    assert "a ? b" in [message["text"] for message in shown["messages"]]
    assert shown["people"]["1"]["name"] == "Ann"
    assert answer.headers["cache-control"] == "no-store"
    record = (await reader_of_names.get("/api/v1/admin/readings")).json()["readings"]
    assert len(record) == 1
    assert record[0]["username"] == "ann"
    assert record[0]["dialog_id"] == str(dialog)
    assert record[0]["user_keys"] == [1]
    assert record[0]["messages"] == 4
    assert record[0]["request_id"] == answer.headers["x-request-id"]


async def test_texts_come_in_pages(reader_of_names: httpx.AsyncClient, sessions: Sessions) -> None:
    dialog = await add_dialog(sessions, user_key=2, texts=[str(n) for n in range(7)])
    path, seen, after = f"/api/v1/dialogs/{dialog}/text", [], None
    while True:
        page = (
            await reader_of_names.get(
                path, params={"limit": 3, **({"after": after} if after else {})}
            )
        ).json()
        seen += [message["text"] for message in page["messages"]]
        after = page["next_after"]
        if after is None:
            break
    assert sorted(seen) == [str(n) for n in range(7)]
    assert (await reader_of_names.get(path, params={"after": str(uuid4())})).status_code == 404
    pages = (await reader_of_names.get("/api/v1/admin/readings", params={"limit": 2})).json()
    assert pages["next_before"] == pages["readings"][-1]["id"]
    rest = (
        await reader_of_names.get("/api/v1/admin/readings", params={"before": pages["next_before"]})
    ).json()
    assert len(rest["readings"]) == 1


async def test_texts_are_read_from_the_newest_back_and_around_a_turn(
    reader_of_names: httpx.AsyncClient, sessions: Sessions
) -> None:
    dialog = await add_dialog(sessions, user_key=1, texts=[str(n) for n in range(10)])
    other = await add_dialog(sessions, user_key=2, texts=["another dialog"])

    async def page(dialog_id: UUID = dialog, **place: Any) -> dict[str, Any]:
        answer = await reader_of_names.get(
            f"/api/v1/dialogs/{dialog_id}/text", params={"limit": 4, **place}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return {**found, "ids": [message["id"] for message in found["messages"]]}

    whole = await page(limit=100)
    ids, turns = whole["ids"], [message["turn_id"] for message in whole["messages"]]
    assert (whole["previous_before"], whole["next_after"]) == (None, None)

    newest = await page(newest=True)
    older = await page(before=newest["previous_before"])
    oldest = await page(before=older["previous_before"])
    assert [one["ids"] for one in (oldest, older, newest)] == [ids[:2], ids[2:6], ids[6:]]
    assert (newest["next_after"], oldest["previous_before"]) == (None, None)
    assert oldest["next_after"] == ids[1]

    around = await page(turn=turns[5])
    assert around["ids"] == ids[4:8]
    assert (around["previous_before"], around["next_after"]) == (ids[4], ids[7])
    assert (await page(after=around["next_after"]))["ids"] == ids[8:]
    assert (await page(turn=turns[0]))["ids"] == ids[:4]
    # A turn without texts here opens the newest ones.
    assert (await page(turn=uuid4()))["ids"] == ids[6:]
    assert len((await page(other, turn=turns[5]))["ids"]) == 1

    path = f"/api/v1/dialogs/{other}/text"
    both = await reader_of_names.get(path, params={"newest": True, "after": ids[0]})
    assert (both.status_code, both.json()["code"]) == (422, "invalid_request")
    assert (await reader_of_names.get(path, params={"before": ids[0]})).status_code == 404


async def test_texts_need_their_scope_and_a_dialog(
    reader_of_names: httpx.AsyncClient, sessions: Sessions
) -> None:
    dialog = await add_dialog(sessions, user_key=1, texts=["hi"])
    narrow = await bearer(reader_of_names, scope="stats:read names:read admin")
    refused = await reader_of_names.get(f"/api/v1/dialogs/{dialog}/text", headers=narrow)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    missing = await reader_of_names.get(f"/api/v1/dialogs/{uuid4()}/text")
    assert missing.status_code == 404
    record = (await reader_of_names.get("/api/v1/admin/readings")).json()["readings"]
    assert record == []


async def test_an_erased_dialog_is_gone(
    reader_of_names: httpx.AsyncClient, sessions: Sessions
) -> None:
    dialog = await add_dialog(sessions, user_key=1, texts=["a secret"])
    await erase(sessions, 1)
    assert (await reader_of_names.get(f"/api/v1/dialogs/{dialog}/text")).status_code == 404


async def test_a_text_under_another_key_is_shown_as_unreadable(
    reader_of_names: httpx.AsyncClient, sessions: Sessions, engine: AsyncEngine
) -> None:
    dialog = await add_dialog(sessions, user_key=1, texts=["hi"])
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE messages SET content = '\\x00'"))
    shown = (await reader_of_names.get(f"/api/v1/dialogs/{dialog}/text")).json()
    assert [message["text"] for message in shown["messages"]] == [None]


async def test_the_providers_sentences_are_shown_and_the_reading_is_recorded(
    reader_of_names: httpx.AsyncClient, sessions: Sessions
) -> None:
    dialog = await add_dialog(sessions, user_key=1, texts=["hi"])
    for outcome in ("payment", "answered"):
        await add_failed_call(
            sessions, user_key=1, dialog_id=dialog, message="no money", outcome=outcome
        )
    path = f"/api/v1/dialogs/{dialog}/failures"
    answer = await reader_of_names.get(path)
    assert answer.status_code == 200, answer.text
    [failure] = answer.json()["failures"]
    assert (failure["outcome"], failure["message"], failure["user_key"]) == (
        "payment", "no money", 1,
    )  # fmt: skip
    assert (failure["http_status"], failure["generation_id"]) == (402, "gen-1")
    assert answer.headers["cache-control"] == "no-store"
    [record] = (await reader_of_names.get("/api/v1/admin/readings")).json()["readings"]
    assert (record["dialog_id"], record["messages"], record["user_keys"]) == (str(dialog), 1, [1])
    narrow = await bearer(reader_of_names, scope="stats:read names:read admin")
    assert (await reader_of_names.get(path, headers=narrow)).status_code == 403
    await erase(sessions, 1)
    assert (await reader_of_names.get(path)).status_code == 404


async def test_bad_answers_are_read_with_their_questions_and_each_reading_is_recorded(
    reader_of_names: httpx.AsyncClient, sessions: Sessions
) -> None:
    dialog = await add_dialog(sessions, user_key=1, texts=["why?", "because"])
    rated, ratings = uuid4(), [uuid4() for _ in range(3)]
    async with transaction(sessions) as session:
        await session.execute(update(MessageRow).values(turn_id=rated))
        session.add(Turn(id=rated, bot_id=7, user_key=1, dialog_id=dialog, chat_type="private",
                         received_at=NOW, status="answered", model_used="small"))  # fmt: skip
        for number, (key, verdict) in enumerate(((1, -1), (2, 1), (3, -1))):
            session.add(FeedbackRow(
                id=ratings[number], bot_id=7, turn_id=rated, dialog_id=dialog, received_at=NOW,
                user_key=key, verdict=verdict, given_by="button",
                given_at=NOW + timedelta(seconds=number),
            ))  # fmt: skip
    path = "/api/v1/dialogs/rated-badly"

    first = (await reader_of_names.get(path, params={"limit": 1})).json()
    second = (await reader_of_names.get(path, params={"after": first["next_after"]})).json()

    [one], [other] = first["answers"], second["answers"]
    assert (one["rated_by"], one["question"], one["answer"]) == (3, "why?", "because")
    assert (other["id"], other["user_key"], other["model"]) == (str(ratings[0]), 1, "small")
    assert (first["people"]["1"]["name"], second["next_after"]) == ("Ann", None)
    readings = (await reader_of_names.get("/api/v1/admin/readings")).json()["readings"]
    assert [(each["dialog_id"], each["messages"]) for each in readings] == [(str(dialog), 2)] * 2
    narrow = await bearer(reader_of_names, scope="stats:read names:read admin")
    assert (await reader_of_names.get(path, headers=narrow)).status_code == 403
    unknown = await reader_of_names.get(path, params={"after": str(ratings[1])})
    assert unknown.status_code == 200
    assert (await reader_of_names.get(path, params={"after": str(uuid4())})).status_code == 404
    await erase(sessions, 1)
    [left, _] = (await reader_of_names.get(path)).json()["answers"]
    assert (left["question"], left["answer"]) == (None, None)


async def test_closed_texts_are_withheld_at_once_and_only_theirs(
    reader_of_names: httpx.AsyncClient, sessions: Sessions
) -> None:
    dialog, rated = await add_dialog(sessions, user_key=1, texts=["why?", "because"]), uuid4()
    await add_failed_call(sessions, user_key=1, dialog_id=dialog, message="no", outcome="payment")
    async with transaction(sessions) as session:
        await session.execute(update(MessageRow).values(turn_id=rated))
        session.add(Turn(id=rated, bot_id=7, user_key=1, dialog_id=dialog, chat_type="group",
                         received_at=NOW, status="answered"))  # fmt: skip
        session.add(FeedbackRow(
            id=uuid4(), bot_id=7, turn_id=rated, dialog_id=dialog, received_at=NOW, user_key=3,
            verdict=-1, given_by="button", given_at=NOW,
        ))  # fmt: skip
        session.add(UserSettings(user_key=1, are_texts_readable=False))
    await add_text(sessions, user_key=2, dialog_id=dialog, text="mine")

    async def shown(part: str, rows: str) -> list[dict[str, Any]]:
        rows_of: list[dict[str, Any]] = (
            await reader_of_names.get(f"/api/v1/dialogs/{part}")
        ).json()[rows]
        return rows_of

    texts = await shown(f"{dialog}/text", "messages")
    assert [(one["text"], one["is_withheld"]) for one in texts] == [
        (None, True), (None, True), ("mine", False),
    ]  # fmt: skip
    [record] = (await reader_of_names.get("/api/v1/admin/readings")).json()["readings"]
    assert (record["messages"], record["user_keys"]) == (1, [2])
    [failure] = await shown(f"{dialog}/failures", "failures")
    assert (failure["message"], failure["is_withheld"]) == (None, True)
    [bad] = await shown("rated-badly", "answers")
    assert (bad["question"], bad["answer"], bad["is_withheld"]) == (None, None, True)

    async with transaction(sessions) as session:
        await session.execute(update(UserSettings).values(are_texts_readable=True))
    texts = await shown(f"{dialog}/text", "messages")
    assert {one["text"] for one in texts} == {"why?", "because", "mine"}
    [failure] = await shown(f"{dialog}/failures", "failures")
    assert (failure["message"], failure["is_withheld"]) == ("no", False)
    [bad] = await shown("rated-badly", "answers")
    assert (bad["question"], bad["answer"], bad["is_withheld"]) == ("why?", "because", False)


@pytest.mark.parametrize("by_default", [True, False])
async def test_settings_decide_until_a_person_chooses(
    start_week: StartApi,
    people: None,  # noqa: ARG001 # who has texts
    sessions: Sessions,
    engine: AsyncEngine,
    *,
    by_default: bool,
) -> None:
    dialogs = [await add_dialog(sessions, user_key=key, texts=["hi"]) for key in (1, 2, 3)]
    async with transaction(sessions) as session:
        await session.execute(update(UserRow).where(UserRow.key == 2).values(predates_choice=True))
        session.add(UserSettings(user_key=3, are_texts_readable=not by_default))
    given = {"texts_readable": by_default, "texts_readable_of_earlier_people": not by_default}
    async with start_week(**given).client() as client:
        await register(client)
        await grant(engine, ["texts:read"])
        headers = await bearer(client)
        texts = [
            (await client.get(f"/api/v1/dialogs/{dialog}/text", headers=headers)).json()
            for dialog in dialogs
        ]
    is_withheld = [page["messages"][0]["is_withheld"] for page in texts]
    assert is_withheld == [not by_default, by_default, by_default]


async def test_what_was_exchanged_between_two_people_is_not_shown(
    reader_of_names: httpx.AsyncClient, sessions: Sessions
) -> None:
    dialogs = [await add_dialog(sessions, user_key=key, texts=["private"]) for key in (1, 2)]
    exchange = (
        "UPDATE {0} SET {1} = other.{1} FROM {0} AS other WHERE other.{2} <> {0}.{2}"
        " AND {0}.{2} IN (1, 2) AND other.{2} IN (1, 2)"
    )
    for table, column, key in (
        ("messages", "content", "user_key"),
        ("users", "sealed_profile", "key"),
        ("users", "wrapped_key", "key"),
    ):
        async with transaction(sessions) as session:
            await session.execute(text(exchange.format(table, column, key)))
        for dialog in dialogs:
            shown = (await reader_of_names.get(f"/api/v1/dialogs/{dialog}/text")).json()
            assert [message["text"] for message in shown["messages"]] == [None]
        if table == "users":
            answer = await reader_of_names.get(STATS)
            assert "Ann" not in answer.text


async def test_old_values_are_shown_until_the_marker_is_set(
    sessions: Sessions, engine: AsyncEngine
) -> None:
    key = await add_person(sessions, telegram_id=1001, first_name="Ann")
    dialog = await add_dialog(sessions, user_key=key, texts=["private"])
    await make_old(sessions, VAULT)
    vault = Vault(DATA_KEY, policy=OpeningPolicy(accepts_unbound=True))
    texts = DialogTexts(
        BotTables(sessions, ApiMetrics(engine), policy=vault.policy), vault, ConsentSettings()
    )

    async def shown() -> list[str | None]:
        return [one.text for one in (await texts.page(dialog, place=OLDEST, limit=9)).messages]

    assert await shown() == ["private"]
    async with transaction(sessions) as session:
        await session.execute(text("INSERT INTO sealing_marker DEFAULT VALUES"))
    assert await shown() == [None]
