from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.constants import PARTS, STATS
from tests.api.running import NOW, PASSWORD, RunningApi, bearer, register
from tests.api.scopes import grant
from tests.warehouse.replica import Replica, turn


@pytest.fixture
async def analyst(week_api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a token on an API over the published week."""
    async with week_api.client() as client:
        client.headers.update(await bearer(client))
        yield client


async def get(client: httpx.AsyncClient, path: str = "", **arguments: Any) -> Any:
    answer = await client.get(STATS + path, params=arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_dashboard_is_one_answer_from_one_snapshot(analyst: httpx.AsyncClient) -> None:
    week = await get(analyst, period="week", compare=True)
    totals = week["summary"]["current"]
    assert (totals["user_messages"], totals["turns"], totals["answers"]) == (8, 6, 5)
    assert (totals["active_users"], totals["new_users"]) == (3, 2)
    assert sum(point["user_messages"] for point in week["activity"]["points"]) == 8
    assert len(week["activity"]["points"]) == 7
    assert week["top_users"][0]["user_key"] == 1
    assert week["recent_dialogs"][0]["last_turn_at"] == "2026-03-18T19:43:12Z"
    assert "preview" not in week["recent_dialogs"][0]
    assert week["people"] == {}
    assert week["period"] == {
        "name": "week",
        "since": "2026-03-12T00:00:00Z",
        "until": "2026-03-19T00:00:00Z",
        "tz": "UTC",
        "bucket": "day",
    }
    assert week["is_partial"] is True
    assert week["data_through"] == "2026-03-18T20:43:07Z"
    assert week["lag_seconds"] == 5.0
    assert week["summary"]["previous"]["turns"] == 0


@pytest.mark.parametrize("path", PARTS)
async def test_basic_and_bearer_open_every_part_and_nobody_else(
    analyst: httpx.AsyncClient, path: str
) -> None:
    for options in ({}, {"auth": ("ann", PASSWORD)}):
        answer = await analyst.get(STATS + path, **options)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        assert answer.json()["data_through"]
        assert answer.json()["lag_seconds"] == 5.0
    analyst.headers.pop("authorization")
    answer = await analyst.get(STATS + path)
    assert answer.status_code == 401
    assert "Basic" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", PARTS)
async def test_every_part_is_csv_and_arrow_too(analyst: httpx.AsyncClient, path: str) -> None:
    import pyarrow as pa  # noqa: PLC0415 # heavy, and only here

    for options in ({"params": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}):
        answer = await analyst.get(STATS + path, **options)  # type: ignore[arg-type]
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["x-data-through"] == "2026-03-18T20:43:07Z"
        assert answer.headers["x-lag-seconds"] == "5.000"
    lines = answer.text.splitlines()
    arrow = await analyst.get(STATS + path, params={"format": "arrow"})
    assert arrow.headers["content-type"] == "application/vnd.apache.arrow.stream"
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert lines[0].split(",") == table.column_names
    assert len(lines) == table.num_rows + 1
    assert table.schema.metadata[b"X-Data-Through"] == b"2026-03-18T20:43:07Z"


async def test_money_keeps_every_digit_and_is_a_number(analyst: httpx.AsyncClient) -> None:
    answer = await analyst.get(f"{STATS}/costs", params={"period": "month"})
    assert '"cost_usd":0.0060000006' in answer.text
    costs = answer.json()["costs"]
    assert costs["unpriced_turns"] == 1
    csv = await analyst.get(f"{STATS}/summary", params={"period": "month", "format": "csv"})
    assert ",0.0060000006," in csv.text


async def test_custom_periods_lie_on_quarters_in_any_zone(analyst: httpx.AsyncClient) -> None:
    found = await get(
        analyst,
        "/summary",
        **{"from": "2026-03-18T19:30:00+00:00", "to": "2026-03-18T19:45:00+00:00"},
    )
    assert found["summary"]["current"]["turns"] == 1
    assert found["period"]["name"] == "custom"
    assert found["is_partial"] is False
    days = await get(
        analyst, "/activity", **{"from": "2026-03-12", "to": "2026-03-19", "tz": "Asia/Kathmandu"}
    )
    assert days["period"]["since"] == "2026-03-11T18:15:00Z"
    assert sum(point["turns"] for point in days["activity"]["points"]) == 4
    lost = await analyst.get(
        f"{STATS}/summary?from=2026-03-18T19:30:00+03:00&to=2026-03-18T19:45:00+03:00"
    )
    assert lost.json()["period"]["since"] == "2026-03-18T16:30:00Z"


@pytest.mark.parametrize(
    "arguments",
    [
        {"from": "2026-03-18T19:31:00Z", "to": "2026-03-18T19:45:00Z"},
        {"from": "2026-03-18", "to": "2026-03-17"},
        {"from": "2026-03-18"},
        {"from": "yesterday", "to": "today"},
        {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:45:00-12:00"},
        {"from": "2026-03-18", "to": "2026-03-19", "period": "week"},
        {"tz": "Mars/Olympus"},
        {"tz": "../etc/passwd"},
        {"tz": "\x00"},
        {"tz": ""},
        {"tz": "europe/berlin"},
        {"tz": "/usr/share/zoneinfo/UTC"},
        {"tz": "localtime"},
        {"tz": "posixrules"},
        {"tz": "Factory"},
        {"tz": "right/Europe/Berlin"},
        {"from": "", "to": "2026-03-17"},
        {"from": "1969-12-31", "to": "1970-01-02"},
        {"from": "2026-03-29T02:30", "to": "2026-03-29T03:00", "tz": "Europe/Berlin"},
        {"from": "2026-03-29T03:30", "to": "2026-03-29T03:00", "tz": "Europe/Berlin"},
        {"from": "2026-10-25T02:45+01:00", "to": "2026-10-25T02:45+02:00"},
        {"period": "fortnight"},
        {"period": "month", "bucket": "minute"},
        {"from": "2024-01-01", "to": "2026-01-01", "bucket": "15m"},
        {"perod": "week"},
        {"compare": "perhaps"},
    ],
)
async def test_what_cannot_be_resolved_is_422_and_says_where(
    analyst: httpx.AsyncClient, arguments: dict[str, str]
) -> None:
    for path in ("", "/summary", "/quality", "/dialogs?format=csv"):
        answer = await analyst.get(f"{STATS}{path}", params=arguments)
        if path == "/quality" and "compare" in arguments:
            continue
        assert answer.status_code == 422, answer.text
        problem = answer.json()
        assert set(problem) == {"code", "message", "details", "request_id"}
        assert len(problem["details"]) == 1 or path == "/quality"
        assert problem["details"][0]["where"][0] == "query"


@pytest.mark.parametrize("path", [*PARTS, "/dialogs", "/retention"])
async def test_an_argument_given_twice_is_422_and_says_which(
    analyst: httpx.AsyncClient, path: str
) -> None:
    for query, name in (
        ("format=json&format=csv", "format"), ("format=&format=", "format"),
        ("f%6frmat=json&format=json", "format"), ("nothing=1&nothing=2", "nothing"),
    ):  # fmt: skip
        answer = await analyst.get(f"{STATS}{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), query
        assert answer.json()["details"] == [
            {"where": ["query", name], "problem": "given more than once"}
        ]


async def test_no_other_route_drops_a_repeated_argument(analyst: httpx.AsyncClient) -> None:
    both = await analyst.get(f"{STATS}?model=a&bot=1&model=b&bot=1&tz=UTC")
    assert [one["where"][1] for one in both.json()["details"]] == ["model", "bot"]
    body = {"metrics": ["turns"], "date_range": "7d"}
    answers = [
        await analyst.get("/api/v1/admin/readings?limit=1&limit=2"),
        await analyst.get(f"/api/v1/dialogs/{UUID(int=1)}/text?limit=1&limit=2"),
        await analyst.post("/api/v1/query?format=csv&format=json", json=body),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422]
    analyst.headers.pop("authorization")
    for path in ("/api/v1/admin/readings", STATS):
        assert (await analyst.get(f"{path}?limit=1&limit=2")).status_code == 401


async def test_filters_narrow(analyst: httpx.AsyncClient) -> None:
    for arguments, turns in (
        ({"model": "large"}, 1),
        ({"chat_type": "group"}, 1),
        ({"language": "ru"}, 1),
        ({"bot": 7}, 6),
        ({"bot": 8}, 0),
    ):
        found = await get(analyst, "/summary", **arguments)
        assert found["summary"]["current"]["turns"] == turns, arguments


async def test_dialogs_come_in_pages_that_neither_repeat_nor_skip(
    analyst: httpx.AsyncClient,
) -> None:
    whole = await get(analyst, "/dialogs", period="month")
    seen, cursor = [], None
    while True:
        page = await get(
            analyst, "/dialogs", period="month", limit=1, **({"cursor": cursor} if cursor else {})
        )
        seen += page["dialogs"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == whole["dialogs"]
    assert len(seen) == 3
    refused = await analyst.get(f"{STATS}/dialogs", params={"cursor": "made up"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")


async def test_dialogs_are_sorted_by_the_api_and_not_by_the_page(
    analyst: httpx.AsyncClient,
) -> None:
    for order in ("-cost_usd", "user_messages", "chat_type", "-first_turn_at"):
        first = await get(analyst, "/dialogs", period="month", limit=1, order=order)
        cursor = first["next_cursor"]
        rest = await get(analyst, "/dialogs", period="month", order=order, cursor=cursor)
        found = first["dialogs"] + rest["dialogs"]
        values = [dialog[order.removeprefix("-")] for dialog in found]
        assert len(found) == 3
        assert values == sorted(values, reverse=order.startswith("-"))
        other = await analyst.get(f"{STATS}/dialogs", params={"cursor": cursor, "period": "month"})
        assert (other.status_code, other.json()["code"]) == (422, "invalid_cursor")
    refused = await analyst.get(f"{STATS}/dialogs", params={"order": "name"})
    assert refused.status_code == 422


async def test_an_unchanged_answer_is_304_and_a_new_build_is_not(
    start_stats: Callable[..., RunningApi], published: Replica
) -> None:
    now = NOW
    api = start_stats(create={"clock": lambda: now})
    async with api.client() as client:
        await register(client)
        client.headers.update(await bearer(client))
        first = await client.get(STATS, params={"period": "week"})
        tag = {"If-None-Match": first.headers["etag"]}
        assert first.headers["vary"].startswith("Authorization")
        unchanged = await client.get(STATS, params={"period": "week"}, headers=tag)
        assert unchanged.status_code == 304
        assert unchanged.content == b""
        assert unchanged.headers["etag"] == first.headers["etag"]
        assert unchanged.headers["x-lag-seconds"] == "5.000"
        for other in ({"period": "day"}, {"tz": "Asia/Tokyo"}, {"format": "csv"}, {"bot": 7}):
            assert (await client.get(STATS, params=other, headers=tag)).status_code == 200, other
        now += timedelta(seconds=2)
        aged = await client.get(STATS, params={"period": "week"}, headers=tag)
        assert aged.status_code == 304
        assert aged.headers["x-lag-seconds"] == "7.000"
        published.store([turn(NOW - timedelta(minutes=1), user=9)])
        published.publish(NOW)
        changed = await eventually_changed(client, tag)
        assert changed.json()["summary"]["current"]["turns"] == 7


async def test_an_answer_is_as_old_as_the_oldest_day_that_it_rests_on(
    start_stats: Callable[..., RunningApi], published: Replica
) -> None:
    # A turn that cannot be: its day is withheld and keeps what was published before.
    published.store([turn(NOW - timedelta(days=2), user=3, cost_usd=Decimal(-1))])
    published.publish(NOW)
    api = start_stats(create={"clock": lambda: NOW})
    async with api.client() as client:
        await register(client)
        client.headers.update(await bearer(client))
        week = await client.get(STATS, params={"period": "week"})
        assert week.json()["data_through"] == "2026-03-18T20:43:07Z"
        assert week.json()["newest_through"] == "2026-03-18T20:43:12Z"
        assert week.json()["lag_seconds"] == 5.0
        assert week.headers["x-data-through"] == "2026-03-18T20:43:07Z"
        assert week.json()["summary"]["current"]["turns"] == 6
        assert len(week.json()["recent_dialogs"]) == 3
        beside = (await client.get(STATS, params={"period": "day"})).json()
        assert (beside["data_through"], beside["lag_seconds"]) == ("2026-03-18T20:43:12Z", 0.0)


async def eventually_changed(client: httpx.AsyncClient, tag: dict[str, str]) -> httpx.Response:
    deadline = datetime.now(tz=NOW.tzinfo) + timedelta(seconds=60)
    while True:
        answer = await client.get(STATS, params={"period": "week"}, headers=tag)
        if answer.status_code == 200:
            return answer
        assert datetime.now(tz=NOW.tzinfo) < deadline


async def test_clickhouse_away_is_503_with_retry_after(start_api: Any) -> None:
    api = start_api()
    async with api.client() as client:
        await register(client)
        answer = await client.get(STATS, auth=("ann", PASSWORD))
        assert (answer.status_code, answer.json()["code"]) == (503, "warehouse_away")
        assert int(answer.headers["retry-after"]) > 0
        assert "127.0.0.1" not in answer.text


async def test_a_question_that_costs_too_much_is_422_with_advice(
    start_stats: Callable[..., RunningApi], published: Replica
) -> None:
    published.store([turn(NOW - timedelta(minutes=n % 900), user=n) for n in range(1500)])
    published.publish(NOW)
    api = start_stats(query_max_rows=1000)
    async with api.client() as client:
        await register(client)
        answer = await client.get(f"{STATS}/users/top?tz=Asia/Kathmandu", auth=("ann", PASSWORD))
        assert (answer.status_code, answer.json()["code"]) == (422, "too_expensive")
        assert "shorter period" in answer.json()["message"]
        assert "SELECT" not in answer.text


async def test_an_account_without_the_scope_reads_nothing(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await register(client)
    await grant(engine, [])
    answer = await client.get(STATS, auth=("ann", PASSWORD))
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert answer.json()["details"] == [{"scope": "stats:read"}]


async def ask(client: httpx.AsyncClient, **query: Any) -> httpx.Response:
    return await client.post(
        "/api/v1/query", json={"metrics": ["user_messages"], "date_range": "7d", **query}
    )


async def test_a_query_answers_metrics_by_dimensions_in_the_order_asked(
    analyst: httpx.AsyncClient,
) -> None:
    answer = await ask(
        analyst,
        metrics=["user_messages", "active_users"],
        dimensions=["model"],
        order_by=[["user_messages", "desc"]],
        include={"total_rows": True},
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [row["dimensions"] for row in found["results"]] == [["small"], ["large"]]
    assert sum(row["metrics"][0] for row in found["results"]) == 8
    assert found["total_rows"] == 2
    assert found["has_more"] is False
    assert found["query"]["pagination"] == {"limit": 100, "offset": 0}
    assert found["lag_seconds"] == 5.0
    again = await analyst.post("/api/v1/query", json=found["query"])
    assert again.json()["results"] == found["results"]
    csv = await analyst.post("/api/v1/query?format=csv", json=found["query"])
    assert csv.text.splitlines()[0] == "model,user_messages,active_users"


@pytest.mark.parametrize(
    "name", ["24h", "today", "7d", "28d", "30d", "90d", "month_to_date", "12mo", "all"]
)
async def test_a_named_period_is_the_same_in_both(analyst: httpx.AsyncClient, name: str) -> None:
    for tz in ("UTC", "America/New_York", "Asia/Kathmandu"):
        summary = await get(analyst, "/summary", period=name, tz=tz)
        query = (await ask(analyst, date_range=name, tz=tz)).json()
        assert summary["period"] == query["period"]
        assert summary["period"]["name"] == name
        messages = summary["summary"]["current"]["user_messages"]
        assert query["results"] == [{"metrics": [messages], "dimensions": []}]
        table = await analyst.get(f"{STATS}/summary", params={"period": name, "format": "csv"})
        assert table.headers["x-period"].count("Z/") == 1


async def test_all_begins_with_the_data_however_it_is_written(analyst: httpx.AsyncClient) -> None:
    for path in ("/summary?period=all", "/summary?period=%61ll", "/quality?period=all"):
        found = (await analyst.get(f"{STATS}{path}")).json()
        assert found["period"]["since"] == "2026-02-17T00:00:00Z", path


async def test_day_and_month_and_pairs_of_days_keep_their_meanings(
    analyst: httpx.AsyncClient,
) -> None:
    hours = (await get(analyst, "", period="day"))["period"]
    today = (await ask(analyst, date_range="day")).json()["period"]
    assert hours["until"] > today["since"] > hours["since"]
    thirty = (await get(analyst, "", period="month"))["period"]
    assert thirty | {"name": "30d"} == (await get(analyst, "", period="30d"))["period"]
    month = (await ask(analyst, date_range="month")).json()["period"]
    named = (await ask(analyst, date_range="month_to_date")).json()["period"]
    assert (month["since"], month["until"]) == (named["since"], named["until"])
    days = {"from": "2026-03-12", "to": "2026-03-18"}
    without = (await get(analyst, "/summary", **days))["period"]
    including = (await ask(analyst, date_range=[*days.values()])).json()["period"]
    assert without["until"] == "2026-03-18T00:00:00Z"
    assert including["until"] == "2026-03-19T00:00:00Z"


async def test_a_query_over_all_begins_with_the_first_turn(analyst: httpx.AsyncClient) -> None:
    found = (await ask(analyst, date_range="all", tz="UTC")).json()
    assert found["period"]["since"] == "2026-02-17T00:00:00Z"
    assert found["results"] == [{"metrics": [9], "dimensions": []}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"metrics": []},
        {"metrics": ["happiness"]},
        {"dimensions": ["user_key"]},
        {"filters": [["is", "chat_type", []]]},
        {"filters": [["like", "chat_type", ["x"]]]},
        {"date_range": "forever"},
        {"date_range": ["2026-03-01"]},
        {"date_range": ["0001-01-01", "9999-12-31"]},
        {"order_by": [["turns", "desc"]]},
        {"pagination": {"limit": 1001}},
        {"date_range": ["1969-12-30", "1970-01-02"]},
        {"date_range": ["2026-10-25T02:45:00+01:00", "2026-10-25T02:45:00+02:00"]},
        {"tz": "Mars/Olympus"},
        {"tz": "right/Europe/Berlin"},
        {"tz": "posixrules"},
        {"surprise": True},
    ],
)
async def test_a_wrong_query_is_422_and_says_where(
    analyst: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    answer = await ask(analyst, **wrong)
    assert answer.status_code == 422, answer.text
    assert answer.json()["details"][0]["where"][0] == "body"
