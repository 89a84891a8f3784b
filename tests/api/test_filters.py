"""Filters of the stats routes, the turns behind a count, and one person."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from common.postgres import Sessions
from tests.api.constants import STATS
from tests.api.people.people import add_person
from tests.api.running import RunningApi, StartApi, bearer, register
from tests.api.scopes import grant


@pytest.fixture
async def analyst(week_api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a token on an API over the published week."""
    async with week_api.client() as client:
        client.headers.update(await bearer(client))
        yield client


def filters(*given: list[Any]) -> dict[str, str]:
    return {"filters": json.dumps(given), "period": "month"}


async def get(client: httpx.AsyncClient, path: str, **arguments: Any) -> Any:
    answer = await client.get(STATS + path, params=arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("given", "turns", "people"),
    [
        ([["is", "status", ["failed"]]], 1, 1),
        ([["is_not", "status", ["failed"]]], 6, 3),
        ([["is", "source", ["ads"]]], 1, 1),
        ([["is", "source", [""]]], 6, 3),
        ([["is", "person", [2, 3]], ["is_not", "chat_type", ["group"]]], 4, 2),
        ([["is", "cause", ["timeout"]]], 1, 1),
        ([["is", "fallback_cause", ["timeout"]]], 1, 1),
        ([["is_not", "model", ["large"]]], 6, 3),
        ([["is", "person", [1]], ["is", "person", [2]]], 0, 0),
    ],
)
async def test_every_count_and_its_list_of_turns_follow_the_filters(
    analyst: httpx.AsyncClient, given: list[Any], turns: int, people: int
) -> None:
    asked = filters(*given)
    totals = (await get(analyst, "/summary", **asked))["summary"]["current"]
    assert (totals["turns"], totals["active_users"]) == (turns, people)
    listed = await get(analyst, "/turns", **asked)
    assert len(listed["turns"]) == turns
    users = await get(analyst, "/users/top", **asked)
    assert len(users["top_users"]) == people
    body = {"metrics": ["turns"], "date_range": "30d", "filters": given, "tz": "UTC"}
    answer = await analyst.post("/api/v1/query", json=body)
    assert answer.json()["results"] == [{"metrics": [turns], "dimensions": []}]


async def test_a_query_groups_by_what_only_the_ledger_holds(analyst: httpx.AsyncClient) -> None:
    body = {
        "metrics": ["turns", "new_users"],
        "date_range": "30d",
        "dimensions": ["status", "source"],
    }
    answer = await analyst.post("/api/v1/query", json=body)
    rows = {tuple(row["dimensions"]): row["metrics"] for row in answer.json()["results"]}
    assert rows == {("answered", ""): [5, 3], ("answered", "ads"): [1, 1], ("failed", ""): [1, 1]}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[", "JSON"),
        ("{}", "filters: expected a list"),
        ('[["is", "weather", ["good"]]]', "filters[0][1]"),
        ('[["contains", "person", [1]]]', "filters[0][0]: a person is no text"),
        ('[["is", "person", ["1"]]]', "filters[0][2][0]: expected a number"),
        ('[["is", "dialog", ["1"]]]', "filters[0][2][0]: expected a UUID"),
        ('[["contains", "model", ["a"]], ["contains", "model", ["b"]]]', "only one contains"),
    ],
)
async def test_a_wrong_filter_is_refused_in_one_line(
    analyst: httpx.AsyncClient, text: str, place: str
) -> None:
    answer = await analyst.get(f"{STATS}/summary", params={"filters": text})
    assert answer.status_code == 422
    (detail,) = answer.json()["details"]
    assert detail["where"] == ["query", "filters"]
    assert place in detail["problem"]


async def test_reports_without_turns_take_no_filters(analyst: httpx.AsyncClient) -> None:
    for path in ("/quality", "/forecast", "/freshness", "/catalogue"):
        answer = await analyst.get(STATS + path, params=filters(["is", "status", ["failed"]]))
        assert answer.status_code == 422, path


async def test_turns_come_page_by_page_with_what_there_is_to_know(
    analyst: httpx.AsyncClient,
) -> None:
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await get(analyst, "/turns", period="month", limit=2, **cursor)
        found += page["turns"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len({turn["turn_id"] for turn in found}) == len(found) == 7
    assert [turn["received_at"] for turn in found] == sorted(
        (turn["received_at"] for turn in found), reverse=True
    )
    (failed,) = [turn for turn in found if turn["status"] == "failed"]
    assert (failed["user_key"], failed["cause"], failed["latency_ms"]) == (3, "timeout", None)
    (handed,) = [turn for turn in found if turn["fallback_cause"]]
    assert (handed["model_used"], handed["fallback_cause"]) == ("large", "timeout")
    csv = await analyst.get(f"{STATS}/turns", params={"period": "month", "format": "csv"})
    assert len(csv.text.splitlines()) == 8
    wrong = await analyst.get(f"{STATS}/turns", params={"cursor": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_cursor")


async def test_the_turns_of_a_dialog_are_its_own(analyst: httpx.AsyncClient) -> None:
    dialog = (await get(analyst, "/dialogs", period="month"))["dialogs"][0]
    asked = filters(["is", "dialog", [dialog["dialog_id"]]]) | {"period": "all"}
    turns = (await get(analyst, "/turns", **asked))["turns"]
    assert {turn["dialog_id"] for turn in turns} == {dialog["dialog_id"]}
    (same,) = (await get(analyst, "/dialogs", **asked))["dialogs"]
    assert same["turns"] == len(turns)


async def test_values_to_filter_by_include_sources_and_causes(analyst: httpx.AsyncClient) -> None:
    values = (await get(analyst, "/dimensions", period="month"))["dimensions"]
    assert values["sources"] == ["ads"]
    assert values["causes"] == ["timeout"]
    assert values["fallback_causes"] == ["timeout"]


async def test_a_person_is_shown_with_a_name_to_whom_may_see_it(
    start_week: StartApi, sessions: Sessions, engine: AsyncEngine
) -> None:
    for number, name in enumerate(("Ann", "Bob", "Zoë"), start=1):
        await add_person(sessions, telegram_id=number, first_name=name)
    async with start_week().client() as client:
        await register(client)
        await grant(engine, ["stats:read", "names:read"])
        client.headers.update(await bearer(client))
        found = await get(client, "/users/one", person=3)
        assert found["people"]["3"]["name"] == "Zoë"
        person = found["person"]
        assert (person["turns"], person["failed"], person["active_days"]) == (3, 1, 3)
        assert person["first_turn_at"].startswith("2026-02-17")
        assert person["last_turn_at"].startswith("2026-03-16")
        missing = await client.get(f"{STATS}/users/one", params={"person": 99})
        assert missing.status_code == 404
        unasked = await client.get(f"{STATS}/users/one")
        assert unasked.status_code == 422
