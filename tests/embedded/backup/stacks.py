"""Stacks to back up: their settings, a ledger with a sealed text, the answers of every report."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from sqlalchemy.ext.asyncio import async_sessionmaker

from common.encryption import bindings
from common.encryption.sealing import Vault
from common.postgres import create_engine
from common.settings import DatabaseSettings, ReportSettings
from embedded.stack.plan import PROJECT, Plan
from embedded.stack.settings import StackSettings
from embedded.stack.smoke import isolated_plan
from pipelines.cycle import run_cycle
from pipelines.settings import PipelineSection, PipelineSettings
from tests.bot.users.old_values import make_old
from tests.conftest import alembic_config
from tests.pipelines.ledger import Ledger, random_turn
from warehouse import periods, reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import Snapshot, resolve

# Long ago, so that no midnight changes which days of a report are over.
NOW = datetime.now(UTC) - timedelta(days=100)
TURNS = 120
PERSON = 1
"""Key of somebody with turns."""
SECRET_TEXT = "what only this person may read"


KNOWN_LATER: dict[str, Any] = {
    "is_counted": True,
    "generation_ms": 0,
    "generated_tokens": 0,
    "fallback_wait_ms": 0,
    "fallback_cost_usd": None,
}
"""Columns of a turn that the version before bindings did not have, as a migration adds them."""


def stopped_plan(directory: Path, **settings: str) -> Plan:
    plan = isolated_plan(directory)
    given = StackSettings.model_validate({**plan.settings.model_dump(), **settings})
    return replace(plan, settings=given, simulated=False)


def warehouse_of(plan: Plan) -> WarehouseSettings:
    return WarehouseSettings.model_validate(
        {
            "clickhouse_url": plan.clickhouse_url("writer"),
            "clickhouse_reader_url": plan.clickhouse_url("reader"),
        }
    )


def cycle(plan: Plan) -> None:
    run_cycle(
        PipelineSettings(
            database=DatabaseSettings.model_validate({"database_url": plan.database_url()}),
            warehouse=warehouse_of(plan),
            pipelines=PipelineSection(),
            report=ReportSettings(),
        )
    )


def every_report() -> dict[str, Callable[..., Coroutine[Any, Any, Any]]]:
    return {
        name: function
        for name, function in vars(reports).items()
        if inspect.iscoroutinefunction(function)
    }


async def answers(plan: Plan) -> tuple[Snapshot, dict[str, Any]]:
    """Every report of the month, but how fresh it is."""
    reader = ClickHouseReader(warehouse_of(plan))
    period = periods.resolve(periods.PeriodName.MONTH, now=NOW, tz="UTC")
    until = reports.end_of_minute(NOW)
    known: dict[str, Any] = {"period": period, "until": until, "user_key": PERSON}
    try:
        snapshot = await resolve(reader)
        found = {}
        for name, report in every_report().items():
            if name in {"freshness", "quality"}:
                continue
            takes = inspect.signature(report).parameters
            arguments = {name: value for name, value in known.items() if name in takes}
            answer = await report(reader, snapshot=snapshot, **arguments)
            if name == "every_dialog":
                chunks, is_truncated = answer
                answer = [chunk async for chunk in chunks], is_truncated
            found[name] = answer
        return snapshot, found
    finally:
        await reader.close()


def fill(plan: Plan) -> None:
    """A ledger, and one person with a sealed text."""
    chance = random.Random(11)
    vault = Vault(plan.secret("data_key"))
    telegram_hmac = vault.lookup("user", 1)
    person, wrapped = vault.new_user_key(telegram_hmac)
    stated = json.dumps({"telegram_id": 1, "first_name": SECRET_TEXT})
    profile = person.seal_text(stated, bindings.profile(telegram_hmac))
    with Ledger(plan.database_url()) as ledger:
        ledger.add_person(telegram_hmac=telegram_hmac, wrapped_key=wrapped, sealed_profile=profile)
        # Transaction ids far above those of a new cluster.
        with psycopg.connect(plan.database_url(), autocommit=True) as connection:
            for _ in range(300):
                connection.execute("SELECT pg_current_xact_id()")
        turns = [random_turn(chance, days=20, until=NOW) for _ in range(TURNS)]
        ledger.add(*(one | KNOWN_LATER for one in turns))


async def unbind(plan: Plan) -> None:
    """Bring the ledger to the version before bindings."""
    vault = Vault(plan.secret("data_key"))
    settings = DatabaseSettings.model_validate({"database_url": plan.database_url()})
    engine = create_engine(settings, application_name="tests")
    await make_old(async_sessionmaker(engine), vault)
    await engine.dispose()
    config = alembic_config("postgres", settings.asyncpg_url)
    await asyncio.to_thread(command.downgrade, config, "0010")


def command_line(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env={**os.environ, "ENV_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
