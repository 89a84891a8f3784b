"""Names and texts: who may see them, what is recorded, what an erasure leaves."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.metrics import ApiMetrics
from api.people.bot_database import BotTables
from api.people.dialog_texts import DialogTexts
from api.people.names import UserNames
from bot.db.tables import FeedbackRow, MessageRow, Turn, UserRow, UserSettings
from common.encryption.sealing import OpeningPolicy, Vault
from common.postgres import Sessions, create_engine, transaction
from common.settings import ConsentSettings, DatabaseSettings
from tests.api.constants import STATS
from tests.api.people.people import (
    VAULT,
    add_dialog,
    add_failed_call,
    add_person,
    add_text,
    erase,
)
from tests.api.running import DATA_KEY, NOW, PASSWORD, StartApi, bearer, register
from tests.bot.users.old_values import make_old


@pytest.fixture
async def people(sessions: Sessions) -> None:
    """Keys 1 to 3, as in the published turns."""
    for number, name in enumerate(("Ann", "Jürgen", "Zoë"), start=1):
        assert await add_person(sessions, telegram_id=number, first_name=name) == number


@pytest.fixture
async def reader_of_names(
    start_week: StartApi,
    people: None,  # noqa: ARG001 # whom the answers show
    engine: AsyncEngine,
) -> AsyncIterator[httpx.AsyncClient]:
    """An account that may see names and texts, and is an admin."""
    async with start_week().client() as client:
        await register(client)
        await grant(engine, ["stats:read", "names:read", "texts:read", "admin"])
        client.headers.update(await bearer(client))
        yield client


async def grant(engine: AsyncEngine, scopes: list[str]) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE api_users SET scopes = :s"), {"s": scopes})


async def test_people_are_found_by_a_part_of_their_name_which_is_recorded(
    reader_of_names: httpx.AsyncClient,
) -> None:
    path = "/api/v1/people/find"

    async def keys_of(part: str) -> list[int]:
        answer = await reader_of_names.post(path, json={"text": part})
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["is_complete"]
        return [person["user_key"] for person in answer.json()["people"]]

    assert await keys_of("ÜRG") == [2]
    assert await keys_of("@an") == [1]
    assert await keys_of("nobody") == []
    trail = (await reader_of_names.get("/api/v1/admin/audit?what=names_read")).json()
    shown = [event["details"] for event in trail["events"]]
    assert shown == [
        {"report": "people_find", "user_keys": [1]},
        {"report": "people_find", "user_keys": [2]},
    ]
    narrow = await bearer(reader_of_names, scope="stats:read admin")
    refused = await reader_of_names.post(path, json={"text": "ann"}, headers=narrow)
    assert refused.status_code == 403


async def grant_now(
    engine: AsyncEngine, client: httpx.AsyncClient, scopes: list[str], *, username: str = "ann"
) -> None:
    """Change the account's scopes, wait until the API has heard of it, and log in anew."""
    await grant(engine, scopes)
    deadline = time.monotonic() + 60
    me: list[str] | None = None
    while me != sorted(scopes):
        assert time.monotonic() < deadline
        answer = await client.get("/api/v1/auth/me", auth=(username, PASSWORD))
        me = sorted(answer.json()["scopes"])
    client.headers.update(await bearer(client))


async def test_names_are_shown_to_who_may_see_them_and_to_nobody_else(
    reader_of_names: httpx.AsyncClient,
) -> None:
    top = await reader_of_names.get(f"{STATS}/users/top")
    assert top.json()["people"]["1"] == {"name": "Ann", "username": "ann"}
    assert top.json()["people"]["2"] == {"name": "Jürgen", "username": "jürgen"}
    csv = await reader_of_names.get(f"{STATS}/users/top", params={"format": "csv"})
    assert csv.text.splitlines()[0].endswith(",name,username")
    assert ",Ann,ann" in csv.text
    narrow = await bearer(reader_of_names, scope="stats:read")
    hidden = await reader_of_names.get(f"{STATS}/users/top", headers=narrow)
    assert hidden.json()["people"] == {}
    assert hidden.headers["etag"] != top.headers["etag"]
    csv = await reader_of_names.get(f"{STATS}/users/top?format=csv", headers=narrow)
    assert "name" not in csv.text


async def test_an_erased_person_is_nameless_in_the_next_answer_and_totals_stay(
    reader_of_names: httpx.AsyncClient, sessions: Sessions
) -> None:
    before = await reader_of_names.get(STATS)
    tag = {"If-None-Match": before.headers["etag"]}
    assert (await reader_of_names.get(STATS, headers=tag)).status_code == 304
    await erase(sessions, 1)
    after = await reader_of_names.get(STATS, headers=tag)
    assert after.status_code == 200
    assert "1" not in after.json()["people"]
    assert "Ann" not in after.text
    assert after.json()["summary"] == before.json()["summary"]


@pytest.mark.usefixtures("people")
async def test_names_that_cannot_be_had_leave_the_keys(
    sessions: Sessions, engine: AsyncEngine
) -> None:
    metrics = ApiMetrics(engine)
    other_key = UserNames(
        BotTables(sessions, metrics), Vault("another data key"), timeout_seconds=60
    )
    assert (await other_key.fetch([1, 2])).people == {}
    gone = create_engine(
        DatabaseSettings.model_validate({"database_url": "postgresql://127.0.0.1:9/x"}),
        application_name="tests",
    )
    away = UserNames(BotTables(Sessions(gone), metrics), VAULT, timeout_seconds=60)
    names = await away.fetch([1, 2])
    assert (names.people, names.version) == ({}, "unavailable")
    await gone.dispose()
    assert (await away.fetch([])).people == {}


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


@pytest.mark.usefixtures("people")
async def test_the_readers_role_can_only_read_what_it_needs(
    sessions: Sessions, engine: AsyncEngine
) -> None:
    tables = BotTables(sessions, ApiMetrics(engine))
    async with tables.read_only() as session:
        assert await session.scalar(text("SELECT count(*) FROM users")) == 3
    for statement in (
        "DELETE FROM users", "UPDATE turns SET user_key = 1", "SELECT * FROM api_users",
        "SELECT * FROM updates", "SELECT cost_usd FROM llm_calls", "CREATE TABLE made (x int)",
    ):  # fmt: skip
        with pytest.raises(DBAPIError, match=r"permission denied|read-only transaction"):
            async with tables.read_only() as session:
                await session.execute(text(statement))


async def test_the_role_ends_with_the_transaction(sessions: Sessions, engine: AsyncEngine) -> None:
    async with BotTables(sessions, ApiMetrics(engine)).read_only() as session:
        connection = await session.connection()
        assert await connection.scalar(text("SELECT current_user")) == "dialytics_reader"
    async with sessions() as session:
        assert await session.scalar(text("SELECT current_user")) != "dialytics_reader"


async def test_admins_manage_accounts(reader_of_names: httpx.AsyncClient) -> None:
    admin = reader_of_names
    bob = (await register(admin, "bob")).json()["id"]
    token = await bearer(admin, "bob")
    listed = (await admin.get("/api/v1/admin/accounts")).json()["accounts"]
    assert [account["username"] for account in listed] == ["ann", "bob"]
    assert (await admin.get("/api/v1/admin/accounts", headers=token)).status_code == 403
    granted = await admin.put(
        f"/api/v1/admin/accounts/{bob}/scopes", json={"scopes": ["stats:read", "names:read"]}
    )
    assert granted.json()["scopes"] == ["names:read", "stats:read"]
    disabled = await admin.post(f"/api/v1/admin/accounts/{bob}/disable")
    assert disabled.json()["disabled_at"]
    assert (await admin.get("/api/v1/auth/me", headers=token)).status_code == 401
    await admin.post(f"/api/v1/admin/accounts/{bob}/enable")
    assert (await admin.get("/api/v1/auth/me", headers=token)).status_code == 200
    assert (await admin.post("/api/v1/admin/accounts/999/enable")).status_code == 404
    wrong = await admin.put(f"/api/v1/admin/accounts/{bob}/scopes", json={"scopes": ["root"]})
    assert wrong.status_code == 422


async def test_an_admin_cannot_lock_the_door_from_inside(
    reader_of_names: httpx.AsyncClient,
) -> None:
    own = (await reader_of_names.get("/api/v1/auth/me")).json()["id"]
    for answer in (
        await reader_of_names.post(f"/api/v1/admin/accounts/{own}/disable"),
        await reader_of_names.put(
            f"/api/v1/admin/accounts/{own}/scopes", json={"scopes": ["stats:read"]}
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "self_change")


@pytest.mark.usefixtures("people")
async def test_plans_of_postgresql_are_measured_only_when_asked_for(
    sessions: Sessions, engine: AsyncEngine
) -> None:
    metrics = ApiMetrics(engine)
    with capture_logs() as logs:
        explained = UserNames(
            BotTables(sessions, metrics, explains=True), VAULT, timeout_seconds=60
        )
        assert (await explained.fetch([1, 2])).people[1].name == "Ann"
        await DialogTexts(
            BotTables(sessions, metrics, explains=True), VAULT, ConsentSettings()
        ).page(await add_dialog(sessions, user_key=1, texts=["hi"]), after=None, limit=10)
    plans = {entry["query_name"]: entry["plan"] for entry in logs if entry["event"] == "query_plan"}
    assert set(plans) == {"people_names", "dialog", "dialog_texts"}
    assert all("actual time" in plan for plan in plans.values())
    with capture_logs() as logs:
        await UserNames(BotTables(sessions, metrics), VAULT, timeout_seconds=60).fetch([1])
    assert [entry["query_name"] for entry in logs] == ["people_names"]
    assert "query_plan" not in {entry["event"] for entry in logs}


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
        return [one.text for one in (await texts.page(dialog, after=None, limit=9)).messages]

    assert await shown() == ["private"]
    async with transaction(sessions) as session:
        await session.execute(text("INSERT INTO sealing_marker DEFAULT VALUES"))
    assert await shown() == [None]
