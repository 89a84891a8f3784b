"""Names: who may see them, what is recorded, what an erasure leaves."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.metrics import ApiMetrics
from api.people.bot_database import BotTables
from api.people.names import UserNames
from common.encryption.sealing import Vault
from common.postgres import Sessions, create_engine
from common.settings import DatabaseSettings
from tests.api.constants import STATS
from tests.api.people.people import (
    VAULT,
    erase,
)
from tests.api.running import bearer


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
