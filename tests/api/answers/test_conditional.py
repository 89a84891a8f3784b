"""ETags: a tag is of the content, not of its age, and the same in every process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.settings import DatabaseSettings
from tests.api.constants import STATS
from tests.api.running import (
    ADMIN_TOKEN,
    NOW,
    PASSWORD,
    RunningApi,
    StartApi,
    process,
    process_environment,
    register,
)
from tests.warehouse.replica import Replica, turn
from warehouse.settings import WarehouseSettings

PARTS = (
    "", "/summary", "/activity", "/dialogs", "/users/top", "/models", "/retention", "/stickiness",
    "/lifecycle", "/heatmap", "/funnel", "/feedback", "/commands", "/blocks", "/sessions", "/costs",
    "/dimensions", "/catalogue",
)  # fmt: skip
QUERY = {"metrics": ["turns", "active_users"], "date_range": "7d", "dimensions": ["model"]}
AGES = ("x-data-through", "x-newest-through", "x-snapshot", "x-lag-seconds")


class MovableClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Any:
        return self.now


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def analyst(week_api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    async with week_api.client(auth=("ann", PASSWORD)) as client:
        yield client


@pytest.fixture
async def follower(
    start_stats: StartApi, published: Replica, clock: MovableClock
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of data that the test publishes after the week."""
    assert published.turns
    async with start_stats(create={"clock": clock}).client() as client:
        await register(client)
        client.auth = httpx.BasicAuth("ann", PASSWORD)
        yield client


async def asked_until_published(
    client: httpx.AsyncClient, path: str, *, after: str, **more: Any
) -> httpx.Response:
    """The first answer from another snapshot than `after`."""
    deadline = time.monotonic() + 100
    while (answer := await client.get(path, **more)).headers["x-snapshot"] == after:
        assert time.monotonic() < deadline, "the new snapshot is not seen"
    return answer


async def test_a_day_that_no_publication_changed_matches_again_with_its_age_now(
    follower: httpx.AsyncClient, published: Replica, clock: MovableClock
) -> None:
    day = {"from": "2026-02-17", "to": "2026-02-18", "tz": "Europe/Berlin"}
    first = await follower.get(STATS, params=day)
    assert first.json()["summary"]["current"]["turns"] == 1
    assert first.headers["etag"].startswith('W/"')
    tag = {"If-None-Match": first.headers["etag"]}

    published.store([turn(NOW - timedelta(minutes=1), user=9)])
    published.publish(NOW + timedelta(seconds=30))
    clock.now += timedelta(seconds=37)
    again = await asked_until_published(
        follower, STATS, after=first.headers["x-snapshot"], params=day, headers=tag
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["x-data-through"] == "2026-03-18T20:43:42Z"
    assert again.headers["x-newest-through"] == "2026-03-18T20:43:42Z"
    assert again.headers["x-lag-seconds"] == "7.000"

    body = (await follower.get(STATS, params=day)).json()
    ages = {name: body.pop(name) for name in
            ("lag_seconds", "data_through", "newest_through", "snapshot")}  # fmt: skip
    assert ages["lag_seconds"] == 7.0
    before = first.json()
    assert body == {name: value for name, value in before.items() if name not in ages}

    week = await follower.get(STATS, params={"period": "week"})
    assert week.json()["summary"]["current"]["turns"] == 7


async def test_figures_that_changed_have_another_tag(
    follower: httpx.AsyncClient, published: Replica
) -> None:
    day = {"from": "2026-03-17", "to": "2026-03-18"}
    first = await follower.get(f"{STATS}/summary", params=day)
    published.store([turn(NOW - timedelta(days=1, minutes=1), user=9)])
    published.publish(NOW)
    again = await asked_until_published(
        follower,
        f"{STATS}/summary",
        after=first.headers["x-snapshot"],
        params=day,
        headers={"If-None-Match": first.headers["etag"]},
    )
    assert again.status_code == 200
    assert again.headers["etag"] != first.headers["etag"]
    assert again.json()["summary"]["current"]["turns"] == 2


async def test_every_part_has_a_tag_that_matches(analyst: httpx.AsyncClient) -> None:
    for part in PARTS:
        for format_ in ("json", "csv", "arrow"):
            # The dialogs' CSV is an export unless a page is asked for.
            asked = {"format": format_, **({"limit": "5"} if part == "/dialogs" else {})}
            first = await analyst.get(STATS + part, params=asked)
            again = await analyst.get(
                STATS + part, params=asked, headers={"If-None-Match": first.headers["etag"]}
            )
            assert (again.status_code, again.content) == (304, b""), (part, format_)
            # Reports without a period have one age.
            assert set(AGES) - set(again.headers) <= {"x-newest-through"}, part


async def test_each_format_has_a_tag_of_its_own(analyst: httpx.AsyncClient) -> None:
    tags = {
        (await analyst.get(STATS, params=asked)).headers["etag"]
        for asked in ({}, {"format": "csv"}, {"format": "arrow"}, {"tz": "Asia/Tokyo"}, {"bot": 8})
    }
    assert len(tags) == 5


async def test_if_none_match_is_a_list_of_weak_or_strong_tags_or_a_star(
    analyst: httpx.AsyncClient,
) -> None:
    weak = (await analyst.get(STATS)).headers["etag"]
    strong = weak.removeprefix("W/")
    for header in (weak, strong, "*", f'"other", {weak}', f'W/"a, b",{strong}', f'"x"  ,  {weak}'):
        unchanged = await analyst.get(STATS, headers={"If-None-Match": header})
        assert unchanged.status_code == 304, header
        assert (await analyst.head(STATS, headers={"If-None-Match": header})).status_code == 304
    for header in ('"other"', strong.strip('"'), f'W/"x{strong[1:]}', "", ",", f'{strong[:-1]}x"'):
        changed = await analyst.get(STATS, headers={"If-None-Match": header})
        assert changed.status_code == 200, header
    several = [("If-None-Match", '"other"'), ("If-None-Match", weak)]
    assert (await analyst.get(STATS, headers=several)).status_code == 304


async def test_post_never_answers_304(analyst: httpx.AsyncClient) -> None:
    first = await analyst.post("/api/v1/query", json=QUERY)
    assert first.status_code == 200
    assert "etag" not in first.headers
    tag = (await analyst.get(STATS)).headers["etag"]
    for header in ("*", tag):
        again = await analyst.post("/api/v1/query", json=QUERY, headers={"If-None-Match": header})
        assert again.status_code == 200
        assert again.json()["results"] == first.json()["results"]


def tags_of(url: str) -> dict[str, str]:
    """The tag of every part, over all of the data."""
    with httpx.Client(base_url=url, timeout=90) as client:
        account = {"username": "ann", "password": PASSWORD, "admin_token": ADMIN_TOKEN}
        client.post("/api/v1/auth/register", json=account)
        client.auth = httpx.BasicAuth("ann", PASSWORD)
        days = {"from": "2026-02-01", "to": "2026-03-19"}
        return {
            part: client.get(STATS + part, params={} if part == "/catalogue" else days).headers[
                "etag"
            ]
            for part in PARTS
        }


def test_processes_give_one_tag_to_one_content(
    database: DatabaseSettings, week_warehouse: WarehouseSettings, tmp_path: Path
) -> None:
    """Whatever order their sets and hashes have."""
    found = []
    for seed in ("1", "2"):
        environment = process_environment(
            database,
            CLICKHOUSE_URL=week_warehouse.reader_url,
            STATS_API_RATE_LIMIT="100000/minute",
            PASSWORD_HASH_COST="4",
            PYTHONHASHSEED=seed,
        )
        with process(environment, tmp_path / f"{seed}.log") as (_running, url):
            found.append(tags_of(url))
    assert found[0] == found[1]
