"""The API in the bot's database: what its role may do, and plans of its queries."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.metrics import ApiMetrics
from api.people.bot_database import BotTables
from api.people.dialog_texts import OLDEST, DialogTexts
from api.people.names import UserNames
from common.postgres import Sessions
from common.settings import ConsentSettings
from tests.api.people.people import (
    VAULT,
    add_dialog,
)


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
        ).page(await add_dialog(sessions, user_key=1, texts=["hi"]), place=OLDEST, limit=10)
    plans = {entry["query_name"]: entry["plan"] for entry in logs if entry["event"] == "query_plan"}
    assert set(plans) == {"people_names", "dialog", "dialog_texts"}
    assert all("actual time" in plan for plan in plans.values())
    with capture_logs() as logs:
        await UserNames(BotTables(sessions, metrics), VAULT, timeout_seconds=60).fetch([1])
    assert [entry["query_name"] for entry in logs] == ["people_names"]
    assert "query_plan" not in {entry["event"] for entry in logs}
