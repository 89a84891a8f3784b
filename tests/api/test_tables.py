"""CSV and Arrow: one schema per report whatever the rows, sums that hold, no formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from common.postgres import Sessions
from tests.api.constants import STATS
from tests.api.people.people import add_person
from tests.api.running import NOW, StartApi, bearer, register
from tests.api.scopes import grant
from tests.warehouse.replica import Replica, turn
from warehouse.catalogue import BY_NAME
from warehouse.reports.metric_values import METRIC_VALUES

PARTS = (
    "", "/summary", "/activity", "/dialogs", "/turns", "/users/top", "/models", "/retention",
    "/stickiness", "/lifecycle", "/heatmap", "/funnel", "/feedback", "/commands", "/blocks",
    "/sessions", "/costs", "/dimensions",
)  # fmt: skip
EMPTY = {"from": "2025-01-01", "to": "2025-02-01"}
"""A period without messages."""
FULL = {"from": "2026-02-01", "to": "2026-03-19"}
SIGNS = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture
async def analyst(
    start_week: StartApi, sessions: Sessions, engine: AsyncEngine
) -> AsyncIterator[httpx.AsyncClient]:
    """May see the names of the three people of the week."""
    for number, name in enumerate(("Ann", "Jürgen", "=Zoë"), start=1):
        await add_person(sessions, telegram_id=number, first_name=name)
    async with start_week().client() as client:
        await register(client)
        await grant(engine, ["stats:read", "names:read"])
        client.headers.update(await bearer(client))
        yield client


async def arrow(client: httpx.AsyncClient, path: str, **arguments: Any) -> pa.Table:
    answer = await client.get(path, params={**arguments, "format": "arrow"})
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


async def rows_of(client: httpx.AsyncClient, path: str, **arguments: Any) -> list[dict[str, str]]:
    answer = await client.get(path, params={**arguments, "format": "csv"})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.mark.parametrize("names", ["names:read", ""])
async def test_an_empty_month_and_a_full_one_are_one_table(
    analyst: httpx.AsyncClient, names: str
) -> None:
    analyst.headers.update(await bearer(analyst, scope=f"stats:read {names}"))
    for part in PARTS:
        empty, full = [await arrow(analyst, STATS + part, **span) for span in (EMPTY, FULL)]
        # Also the rows of which nothing is known: a bot that is not there.
        unknown = await arrow(analyst, STATS + part, **FULL, bot=99)
        assert empty.schema.equals(full.schema), part
        assert unknown.schema.equals(full.schema), part
        assert not any(pa.types.is_null(kind) for kind in full.schema.types), part
        assert pa.concat_tables([empty, full]).num_rows == empty.num_rows + full.num_rows
        assert full.num_rows, part
        header = (await analyst.get(STATS + part, params={**EMPTY, "format": "csv"})).text
        assert header.splitlines()[0].split(",") == full.schema.names, part
        has_names = bool(names) and "user_key" in full.schema.names
        assert ("username" in full.schema.names) is has_names, part


async def test_what_is_about_now_has_types_too(analyst: httpx.AsyncClient) -> None:
    for part in ("/quality", "/freshness", "/catalogue"):
        table = await arrow(analyst, STATS + part)
        assert not any(pa.types.is_null(kind) for kind in table.schema.types), part


async def test_a_query_has_the_types_of_its_columns(analyst: httpx.AsyncClient) -> None:
    names = list(METRIC_VALUES)
    for dimensions in ([], ["model"], ["bot"], ["time:day"], ["time:hour", "bot"]):
        for metrics in (names[:20], names[20:]):
            empty, full = [
                await queried(analyst, metrics=metrics, date_range=days, dimensions=dimensions)
                for days in (["2025-01-01", "2025-01-31"], ["2026-03-01", "2026-03-18"])
            ]
            assert empty.schema.equals(full.schema), dimensions
            assert pa.concat_tables([empty, full]).num_rows
            for name in metrics:
                kind = full.schema.field(name).type
                if BY_NAME[name].unit.startswith("US dollars"):
                    assert pa.types.is_decimal(kind), name
                elif BY_NAME[name].unit in {"turns", "people", "tokens", "messages"}:
                    assert pa.types.is_int64(kind), name


async def queried(client: httpx.AsyncClient, **query: Any) -> pa.Table:
    answer = await client.post("/api/v1/query?format=arrow", json=query)
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


async def test_money_stays_exact_beside_nothing(analyst: httpx.AsyncClient) -> None:
    table = await arrow(analyst, f"{STATS}/activity", **FULL)
    assert sum(filter(None, table["cost_usd"].to_pylist())) == Decimal("0.0060000006")


async def test_excel_is_told_that_a_file_is_utf8(analyst: httpx.AsyncClient) -> None:
    for path in (f"{STATS}/users/top", f"{STATS}/dialogs", STATS):
        plain = await analyst.get(path, params={"format": "csv"})
        marked = await analyst.get(path, params={"format": "csv", "bom": "1"})
        assert marked.content == b"\xef\xbb\xbf" + plain.content
        assert marked.headers.get("etag") != plain.headers.get("etag") or path.endswith("dialogs")
    answer = await analyst.post(
        "/api/v1/query?format=csv&bom=1", json={"metrics": ["turns"], "date_range": "7d"}
    )
    assert answer.content.startswith(b"\xef\xbb\xbfturns\r\n")
    assert (await analyst.get(STATS, params={"bom": "1"})).content.startswith(b"{")
    assert (await analyst.get(STATS, params={"bom": "maybe"})).status_code == 422


async def test_the_funnel_can_be_summed(start_stats: StartApi, replica: Replica) -> None:
    """Also with more sources than the report lists."""
    replica.store(
        [
            turn(NOW - timedelta(hours=1), user=number, source=f"source-{number % 60}")
            for number in range(1, 100)
        ]
    )
    replica.publish(NOW)
    async with start_stats().client() as client:
        await register(client)
        client.headers.update(await bearer(client))
        found = (await client.get(f"{STATS}/funnel")).json()["funnel"]
        rows = await rows_of(client, f"{STATS}/funnel")
    assert found["total"]["started"] == 99
    for column in ("started", "activated_users", "day_1_eligible", "unpriced_turns"):
        step, _, part = column.rpartition("_")
        total = found["total"].get(column)
        expected = found["total"][step][part] if total is None else total
        assert sum(int(row[column]) for row in rows) == expected, column
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal(str(found["total"]["cost_usd"]))
    assert len(rows) == 51
    assert rows[-1]["source"] == "(other)"
    assert found["others"]["started"] == 99 - sum(row["started"] for row in found["sources"])


async def test_no_text_cell_is_a_formula(
    start_stats: StartApi,
    replica: Replica,
    sessions: Sessions,
    engine: AsyncEngine,
) -> None:
    for number, sign in enumerate(SIGNS, start=1):
        await add_person(sessions, telegram_id=number, first_name=f"{sign}1+1")
        replica.store(
            [
                turn(
                    NOW - timedelta(hours=1),
                    user=number,
                    language=f"{sign}l",
                    source=f"{sign}s",
                    model_used=f"{sign}m",
                    model_asked=f"{sign}m",
                )
            ]
        )
    replica.publish(NOW)
    cells = {
        "/users/top": ("name", "username"),
        "/dialogs": ("language", "last_model", "name", "username"),
        "/models": ("model",),
        "/funnel": ("source",),
        "/dimensions": ("value",),
    }
    async with start_stats().client() as client:
        await register(client)
        await grant(engine, ["stats:read", "names:read"])
        client.headers.update(await bearer(client))
        for path, columns in cells.items():
            rows = await rows_of(client, STATS + path)
            raw = await arrow(client, STATS + path)
            for column in columns:
                shown = {row[column] for row in rows}
                assert not [text for text in shown if text.startswith(SIGNS)], (path, column)
                signs = {text[1] for text in shown if text.startswith("'")}
                assert signs == set(SIGNS), (path, column)
                # Arrow is data, not a spreadsheet.
                assert {text[:1] for text in raw[column].to_pylist()} >= set(SIGNS)
