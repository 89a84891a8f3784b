"""The bill and the steps of the setup, as a bot stated them."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from bot.operator.start import record_start
from bot.settings import AccessMode, BillSettings
from bot.telegram.intent import BotIdentity
from tests.api.running import NOW, PASSWORD, StartApi, register

NOTHING = {
    "usernames": [],
    "has_operator_chat": False,
    "has_message": False,
    "has_answer": False,
}


async def test_limits_and_steps_are_those_of_the_last_start(
    start_api: StartApi, engine: AsyncEngine
) -> None:
    api = start_api(create={"clock": lambda: NOW})
    sessions = async_sessionmaker(engine)
    async with api.client() as client:
        assert (await client.get("/api/v1/bill")).status_code == 401
        await register(client)
        client.auth = ("ann", PASSWORD)
        assert (await client.get("/api/v1/bill")).json() == {"limits": []}
        assert (await client.get("/api/v1/setup")).json() == NOTHING

        before = BillSettings(bot_daily_usd_limit=Decimal(1))
        now = BillSettings(
            total_monthly_usd_limit=Decimal(20), bot_monthly_usd_limit=Decimal("7.5")
        )
        for limits in (before, now):
            await record_start(
                sessions,
                BotIdentity(7, "helper_bot"),
                limits=limits,
                has_operator_chat=True,
                access_mode=AccessMode.OPEN,
            )
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO bill_totals (bot_id, period_start, period, usd) VALUES"
                    " (0, '2026-03-01', 'month', 3.25), (0, '2026-03-01', 'day', 9),"
                    " (0, '2026-02-01', 'month', 19)"
                )
            )
        total, own = (await client.get("/api/v1/bill")).json()["limits"]
        assert (total["name"], total["username"]) == ("total_monthly_usd", None)
        assert (total["period_start"], float(total["spent_usd"])) == ("2026-03-01", 3.25)
        assert (own["name"], own["username"]) == ("bot_monthly_usd", "helper_bot")
        assert (float(own["limit_usd"]), own["spent_usd"]) == (7.5, None)
        assert (await client.get("/api/v1/setup")).json() == {
            **NOTHING,
            "usernames": ["helper_bot"],
            "has_operator_chat": True,
        }
