"""The provider, the ledger, /usage, the API and Grafana state the same sum."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from api.app import create_app
from common.postgres import Sessions
from common.settings import DatabaseSettings, ReportSettings
from dashboards.grafana.board import BOARDS
from dashboards.grafana.macros import Picked
from dashboards.grafana.probing import Asker, clickhouse_panels
from pipelines.settings import PipelineSection, PipelineSettings
from simulator.app import Simulator
from simulator.model.behaviour import ModelFault
from tests.api.constants import STATS
from tests.api.running import LONG_TIMEOUTS, api_settings, bearer, register, serving
from tests.bot.conftest import World, running_bot
from tests.pipelines.cycles import run_through
from warehouse.settings import WarehouseSettings

PEOPLE = range(1, 9)
ROUNDS = 8
FAILURES = ("thinking", "filtered", "tool_calls", "blank", "images", "empty", "error_paid",
            "cut_paid", "stall_paid", "malformed")  # fmt: skip
COST_COLUMNS = {"Cost": 0, "Cost over time": 1, "Cost by model over time": 2, "Models": 5,
                "Most active people": 4}  # fmt: skip
"""Panels whose rows add up to the whole cost, and which column holds it."""
PANELS = {panel.title: panel for _, panel in clickhouse_panels(BOARDS)}


@pytest.fixture
def pipeline_settings(
    database: DatabaseSettings, warehouse_settings: WarehouseSettings
) -> PipelineSettings:
    return PipelineSettings(
        database=database,
        warehouse=warehouse_settings,
        pipelines=PipelineSection(_env_file=None),
        report=ReportSettings(_env_file=None),
    )


@pytest.fixture
def api(pipeline_settings: PipelineSettings) -> Iterator[str]:
    settings = api_settings(
        pipeline_settings.database,
        clickhouse_url=pipeline_settings.warehouse.writer_url,
        clickhouse_reader_url=pipeline_settings.warehouse.reader_url,
    )
    with serving(create_app(settings, timeouts=LONG_TIMEOUTS)) as url:
        yield url


@pytest.mark.timeout(1200)
async def test_all_costs_agree_when_a_third_of_the_calls_fail(
    simulator: Simulator,
    database: DatabaseSettings,
    sessions: Sessions,
    pipeline_settings: PipelineSettings,
    api: str,
) -> None:
    for number, kind in enumerate(FAILURES):
        simulator.model.faults.add(
            ModelFault(kind=kind, cost=f"0.{number + 1:02}00000007", seconds=0.2, probability=0.04)
        )
    async with running_bot(
        simulator, database, sessions, llm_first_token_seconds=30, llm_attempts=2
    ) as world:
        for _ in range(ROUNDS):
            for person in PEOPLE:
                world.write("hello", person=person)
        await world.settled(seconds=200)
        [ledger] = await world.rows(
            "SELECT count(*) AS calls, count(*) FILTER (WHERE outcome <> 'answered') AS failed,"
            " sum(cost_usd) AS cost, count(*) FILTER (WHERE is_unpriced) AS unpriced"
            " FROM llm_calls"
        )
        by_model = {
            row.model: row.cost
            for row in await world.rows(
                "SELECT coalesce(model_used, model_asked) AS model, sum(cost_usd) AS cost"
                " FROM turns GROUP BY 1"
            )
        }
        told = [await told_cost(world, person) for person in PEOPLE]
    # About a third, by chance: a tenth fails in all but one of a million runs.
    assert ledger.failed > ledger.calls / 10
    assert ledger.unpriced == 0
    assert ledger.cost == sum(Decimal(str(call.cost)) for call in simulator.calls)
    assert sum(by_model.values()) == ledger.cost
    # /usage rounds what each person spent to six digits.
    assert abs(sum(told) - ledger.cost) <= len(PEOPLE) * Decimal("0.0000005")

    await asyncio.to_thread(run_through, pipeline_settings)
    async with httpx.AsyncClient(base_url=api, timeout=90) as client:
        await register(client)
        client.headers.update(await bearer(client))
        answers = {
            name: (await client.get(f"{STATS}/{name}", params={"period": "7d"})).json()
            for name in ("summary", "costs", "models")
        }
    assert exactly(answers["summary"]["summary"]["current"]["cost_usd"]) == ledger.cost
    assert exactly(answers["costs"]["costs"]["cost_usd"]) == ledger.cost
    assert {
        row["model"]: exactly(row["cost_usd"]) for row in answers["models"]["models"]["models"]
    } == by_model

    with closing(Asker(pipeline_settings.warehouse.reader_url)) as asker:
        now = datetime.now(UTC)
        picked = Picked(since=now - timedelta(days=1), until=now + timedelta(days=1))
        for title, column in COST_COLUMNS.items():
            rows = asker.ask(PANELS[title].statement, picked).rows
            assert sum(exactly(row[column] or 0) for row in rows) == ledger.cost, title


def exactly(cost: float) -> Decimal:
    """As many digits as the ledger keeps."""
    return round(Decimal(str(cost)), 10)


async def told_cost(world: World, person: int) -> Decimal:
    """The whole cost that /usage tells a person."""
    sent_log = world.simulator.account.sent_log

    def pictures() -> list[Any]:
        return [one for one in sent_log.records(kind="photo") if one.chat_id == person]

    world.write("/usage", person=person)
    await world.until(pictures)
    [cost] = re.findall(r"In all: .*cost \$([0-9.]+)", pictures()[-1].text or "")
    return Decimal(cost)
