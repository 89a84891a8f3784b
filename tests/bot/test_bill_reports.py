"""The operator hears of the bill at 80 % and at 100 %, once each; metrics say the same."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import bot.operator.bill
from bot.operator.bill import BillReporter
from tests.bot.conftest import MODEL, Start, World
from tests.bot.requests import get
from tests.running import eventually

pytestmark = pytest.mark.usefixtures("one_day")


def reporter(world: World, *, language: str = "en") -> BillReporter:
    return BillReporter(
        world.app.bill,
        sessions=world.sessions,
        metrics=world.app.metrics,
        translate=world.app.translations.for_language(language),
    )


async def told(world: World) -> list[str]:
    rows = await world.rows("SELECT payload ->> 'text' AS words FROM outbox ORDER BY id")
    return [row.words for row in rows]


async def spend(world: World, usd: str) -> None:
    world.simulator.model.set_behaviour(MODEL, cost=usd)
    await world.ask("hello")
    await world.settled()


async def test_the_operator_is_told_once_at_80_and_once_at_100_per_cent(start: Start):
    world = await start(total_daily_usd_limit="1", bot_monthly_usd_limit="100")
    first, second = reporter(world), reporter(world)
    await spend(world, "0.79")
    await first.report()
    assert await told(world) == []

    await spend(world, "0.05")
    for _ in range(2):
        await first.report()
        await second.report()
    eighty = "💰 Bill of all bots today: 80 % of the limit is used, $0.84 of $1.00."
    assert await told(world) == [eighty]

    await spend(world, "0.2")
    await first.report()
    await second.report()
    assert await told(world) == [
        eighty,
        (
            "⛔ Bill of all bots today: the limit is used up, $1.04 of $1.00."
            " The bot answers nothing until the period ends or the limit is raised."
        ),
    ]


async def test_a_refusal_is_100_per_cent_and_reported_at_once_in_the_operators_language(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bot.operator.bill, "POLL_SECONDS", 3600)
    world = await start(
        bot_monthly_usd_limit="0.015", operator_chat_id=1, default_language="ru",
        llm_saving_model="sim/saving", llm_prices={"sim/saving": {"prompt": 0, "completion": 0}},
    )  # fmt: skip
    world.simulator.model.set_behaviour("sim/saving", cost="0")
    await spend(world, "0.009")
    await world.ask("again")

    async def is_told() -> bool:
        return bool(await told(world))

    await eventually(is_told)
    assert await told(world) == [
        (
            "⛔ Расходы этого бота в этом месяце: ответ может стоить до $0,01, осталось $0,006 из"
            " $0,015."
            " До конца периода отвечает sim/saving."
        )
    ]


async def test_a_limit_that_was_raised_is_reported_anew(start: Start):
    world = await start(total_daily_usd_limit="0.1")
    await spend(world, "0.2")
    await reporter(world).report()
    assert len(await told(world)) == 2
    raised = await start(total_daily_usd_limit="0.25")
    await reporter(raised).report()
    assert (await told(world))[2:] == [
        "💰 Bill of all bots today: 80 % of the limit is used, $0.20 of $0.25."
    ]


async def test_usage_shows_the_bill_to_admins_only(start: Start):
    world = await start(total_daily_usd_limit="1", bot_monthly_usd_limit="20", admin_ids="7")
    assert "Bill" not in await world.ask("/usage")
    before = await world.ask("/usage", person=7, chat=7)
    assert "Bill of this bot this month: $0.00 of $20.00" in before
    await spend(world, "0.25")

    said = await world.ask("/usage", person=7, chat=7, language="ru")

    assert "Расходы всех ботов сегодня: $0,25 из $1,00" in said


async def test_metrics_state_spending_limit_and_whether_it_is_used_up(start: Start):
    world = await start(total_daily_usd_limit="0.05")
    await spend(world, "0.045")
    await world.ask("does not fit")
    await reporter(world).report()

    samples: dict[Any, float] = {
        (sample.name, sample.labels.get("scope"), sample.labels.get("period")): sample.value
        for family in text_string_to_metric_families((await get(world, "/metrics"))[1])
        for sample in family.samples
    }
    assert samples["bot_bill_spent_usd", "total", "day"] == 0.045
    assert samples["bot_bill_limit_usd", "total", "day"] == 0.05
    assert samples["bot_bill_used_up", "total", "day"] == 1
    assert ("bot_bill_spent_usd", "bot", "day") not in samples
