"""The whole bill: never exceeded, whoever writes at once and whatever is killed."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.db.statements import Statements
from bot.llm.prices import RESERVE_WITHOUT_PRICE_USD
from bot.turns.bill import BillLimitError
from bot.turns.ledger import Ledger
from bot.turns.records import OpenTurn
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from simulator.app import Simulator
from simulator.model.behaviour import ModelFault
from simulator.telegram.world import SimUser
from tests.bot.conftest import FALLBACK, MODEL, Start, World
from tests.bot.constants import WEBHOOK
from tests.bot.process import BotProcess, bot_environment
from tests.bot.requests import text_update
from tests.bot.turns.test_statements import questions
from tests.running import eventually

# Limits are of a day and of a month.
pytestmark = pytest.mark.usefixtures("one_day")

SPENT = (
    "SELECT coalesce(sum(billed_usd(cost_usd, outcome, is_unpriced, http_status,"
    " reserve_usd)), 0) AS usd FROM llm_calls"
)


async def totals(world: World) -> dict[tuple[int, str], Decimal]:
    """The totals of this day and month."""
    rows = await world.rows("SELECT bot_id, period, usd FROM bill_totals WHERE usd > 0")
    return {(row.bot_id, row.period): row.usd for row in rows}


async def last_turn(world: World) -> Any:
    await world.settled()
    return (await world.turns())[-1]


@pytest.mark.parametrize(
    ("limit", "said", "said_in_russian"),
    [
        ("total_daily_usd", "come back tomorrow", "на сегодня исчерпан"),
        ("total_monthly_usd", "come back next month", "на этот месяц исчерпан"),
        ("bot_daily_usd", "come back tomorrow", "на сегодня исчерпан"),
        ("bot_monthly_usd", "come back next month", "на этот месяц исчерпан"),
    ],
)
async def test_a_used_up_bill_refuses_everyone_politely(
    start: Start, limit: str, said: str, said_in_russian: str
):
    world = await start(admin_ids="7", **{f"{limit}_limit": "0.03"})
    world.simulator.model.set_behaviour(MODEL, cost="0.025")
    await world.ask("hello")
    await world.settled()

    assert said in await world.ask("again")
    assert said_in_russian in await world.ask("и мне", person=7, chat=7, language="ru")

    turn = await last_turn(world)
    assert (turn.status, turn.reason, turn.user_messages) == ("rejected", limit, 1)
    assert len(world.simulator.calls) == 1
    period = "month" if "monthly" in limit else "day"
    scope = 0 if limit.startswith("total") else world.app.settings.telegram.bot_id
    assert await totals(world) == {(scope, period): Decimal("0.025")}


async def test_an_unknown_cost_counts_at_its_reserve_until_it_is_known(start: Start):
    world = await start(total_daily_usd_limit="0.019", llm_fallback_model=None)
    world.simulator.model.set_behaviour(MODEL, usage="no_cost")
    await world.ask("hello")
    await world.settled()

    assert await totals(world) == {(0, "day"): RESERVE_WITHOUT_PRICE_USD}
    assert "tomorrow" in await world.ask("again")

    async with transaction(world.sessions) as session:
        await session.execute(text("UPDATE llm_calls SET cost_usd = 0.001"))
    assert await totals(world) == {(0, "day"): Decimal("0.001")}
    world.write("and now")
    assert (await last_turn(world)).status == "answered"


async def test_tokens_without_a_cost_count_by_the_configured_price(start: Start):
    # The reserve is a dollar, an answer of one token a cent.
    prices = {MODEL: {"prompt": 0, "completion": 10_000}}
    world = await start(total_daily_usd_limit="1.02", llm_prices=prices, llm_max_tokens=100)
    world.simulator.model.set_behaviour(MODEL, usage="no_cost", answer="yes")
    for number in range(3):
        await world.ask(f"{number}")
        await world.settled()

    assert await totals(world) == {(0, "day"): Decimal("0.03")}
    assert "tomorrow" in await world.ask("a dollar does not fit any more")


async def test_an_attempt_that_cost_nothing_leaves_its_part_to_the_next(start: Start):
    world = await start(total_daily_usd_limit="0.015", llm_attempts=2)
    world.simulator.model.faults.add(ModelFault(kind="status", status=503, times=1))

    await world.ask("hello")

    assert (await last_turn(world)).status == "answered"
    calls = await world.rows("SELECT outcome FROM llm_calls ORDER BY attempt")
    assert [call.outcome for call in calls][1] == "answered"
    [spent] = await world.rows(SPENT)
    assert await totals(world) == {(0, "day"): spent.usd}


async def test_a_further_attempt_that_does_not_fit_is_not_made(start: Start):
    world = await start(bot_daily_usd_limit="0.015", llm_attempts=2)
    fault = ModelFault(kind="error_paid", cost=0.01, times=1)
    world.simulator.model.faults.add(fault)

    assert "cannot answer now" in await world.ask("hello")

    assert (await last_turn(world)).status == "failed"
    assert len(world.simulator.calls) == 1
    assert list((await totals(world)).values()) == [Decimal("0.01")]


async def test_the_saving_model_answers_once_the_bill_is_used_up(start: Start):
    saving = "sim/saving"
    world = await start(total_daily_usd_limit="0.02", llm_saving_model=saving, llm_attempts=1)
    world.simulator.model.set_behaviour(MODEL, cost="0.02")
    world.simulator.model.set_behaviour(saving, cost="0.0001", answer="from the cheap one")
    await world.ask("hello")
    await world.settled()

    assert "from the cheap one" in await world.ask("again")

    turn = await last_turn(world)
    assert (turn.status, turn.model_asked) == ("answered", saving)
    assert await totals(world) == {(0, "day"): Decimal("0.0201")}


async def test_what_was_spent_before_the_limit_was_set_counts(start: Start):
    before = await start(**WEBHOOK)
    before.app.chat_workers._accepts_work = False
    await before.app.inbox.store([json.loads(text_update(1, person=1))])
    [question] = await questions(before)
    context = await before.app.history.load_context(
        question.user_key, question.sealer, question.chat_ref
    )
    turn = await before.app.ledger.open(question, context, model=MODEL)
    async with transaction(before.sessions) as session:
        # As an older version wrote it, before attempts had a reserve.
        await session.execute(text("UPDATE llm_calls SET bot_id = NULL, billed_on = NULL"))
        await session.execute(text("UPDATE llm_calls SET cost_usd = 0.5, reserve_usd = NULL"))
        await session.execute(
            text(
                "INSERT INTO turns (id, bot_id, user_key, dialog_id, chat_type, received_at)"
                " SELECT gen_random_uuid(), bot_id, user_key, dialog_id, chat_type,"
                " received_at - interval '35 days' FROM turns WHERE id = :id"
            ),
            {"id": turn.id},
        )
        await session.execute(
            text(
                "INSERT INTO llm_calls (id, turn_id, attempt, model, cost_usd)"
                " SELECT gen_random_uuid(), id, 1, 'old', 7 FROM turns WHERE id <> :id"
            ),
            {"id": turn.id},
        )

    world = await start(**WEBHOOK, total_monthly_usd_limit="1", bot_daily_usd_limit="1")

    bot_id = world.app.settings.telegram.bot_id
    assert await totals(world) == {(0, "month"): Decimal("0.5"), (bot_id, "day"): Decimal("0.5")}


async def test_a_day_without_a_total_gets_one_at_its_first_attempt(start: Start):
    world = await start(total_daily_usd_limit="1", total_monthly_usd_limit="1")
    world.simulator.model.set_behaviour(MODEL, cost="0.25")
    await world.ask("hello")
    await world.settled()
    async with transaction(world.sessions) as session:
        await session.execute(text("DELETE FROM bill_totals"))

    await world.ask("again")
    await world.settled()

    assert await totals(world) == {(0, "day"): Decimal("0.5"), (0, "month"): Decimal("0.5")}
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    [row] = await world.rows(
        "SELECT usd FROM bill_totals WHERE period = 'day' AND period_start = :day", day=tomorrow
    )
    assert row.usd == 0


async def test_parallel_attempts_of_several_processes_share_a_limit_exactly(
    start: Start, database: DatabaseSettings
):
    people, fitting = 40, 17
    world = await start(**WEBHOOK, total_daily_usd_limit="0.17", bot_monthly_usd_limit="1")
    app = world.app
    app.chat_workers._accepts_work = False
    await app.inbox.store(
        [json.loads(text_update(number, person=number)) for number in range(1, people + 1)]
    )
    others = [Statements(database) for _ in range(3)]
    bot_id, prices = app.settings.telegram.bot_id, app.ledger._parameters._prices
    ledgers = [
        Ledger(
            bot_id, statements=each, prices=prices, bill=app.bill, counting=app.settings.counting
        )
        for each in (app.statements, *others)
    ]

    async def open_turn(number: int, question: Any) -> OpenTurn:
        context = await app.history.load_context(
            question.user_key, question.sealer, question.chat_ref
        )
        return await ledgers[number % len(ledgers)].open(question, context, model=MODEL)

    asked = enumerate(await questions(world))
    ended = await asyncio.gather(*(open_turn(*each) for each in asked), return_exceptions=True)
    for each in others:
        await each.close()

    assert [type(one) for one in ended].count(OpenTurn) == fitting
    assert [type(one) for one in ended].count(BillLimitError) == people - fitting
    assert set((await totals(world)).values()) == {fitting * RESERVE_WITHOUT_PRICE_USD}
    # Nothing was written for those that were refused.
    [row] = await world.rows("SELECT count(*) AS turns FROM turns")
    assert row.turns == fitting


async def test_however_many_write_and_whatever_is_killed_the_limit_holds(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions, tmp_path: Path
):
    chance, people, limit = random.Random(5), 60, Decimal("0.2")
    # No attempt costs more than its reserve; of those that are killed the cost stays unknown.
    simulator.model.set_behaviour(MODEL, cost="0.008", token_seconds=0.05, answer_words=16)
    environment = bot_environment(
        simulator,
        database,
        TOTAL_DAILY_USD_LIMIT=str(limit),
        LLM_FALLBACK_MODEL=FALLBACK,
        JOIN_SHORT_SECONDS="0",
    )
    bots = [BotProcess(environment, tmp_path / f"bot{number}.log") for number in range(2)]
    for bot in bots:
        await bot.start()

    # The first few leave most of the limit, so that attempts are in flight at the second kill too.
    for bot, wave in zip(bots, (range(8), range(8, people)), strict=True):
        started = simulator.counters.llm_calls_started
        for person in wave:
            simulator.account.send_text("hello", person=SimUser(id=person + 1))
        await simulator.wait_until(
            lambda started=started: simulator.counters.llm_calls_started > started, seconds=60
        )
        await asyncio.sleep(chance.random() * 0.5)
        await bot.end(signal.SIGKILL)
        await bot.start()

    async def is_done() -> bool:
        async with sessions() as session:
            open_updates = await session.scalar(
                text("SELECT count(*) FROM updates WHERE outcome IS NULL")
            )
            stored = await session.scalar(text("SELECT count(*) FROM updates"))
        return stored == people and not open_updates

    await eventually(is_done, seconds=200)
    for bot in bots:
        assert await bot.end(signal.SIGTERM) == 0

    async with sessions() as session:
        spent = await session.scalar(text(SPENT))
        total = await session.scalar(
            text("SELECT usd FROM bill_totals WHERE period = 'day' ORDER BY period_start LIMIT 1")
        )
        rejected = await session.scalar(
            text("SELECT count(*) FROM turns WHERE reason = 'total_daily_usd'")
        )
        attempts = await session.scalar(text("SELECT count(*) FROM llm_calls"))
    assert spent == total <= limit
    # Attempts end for less than their reserve, many at a time: only with what was reserved for
    # those before was there no room for one more.
    assert (attempts + 1) * RESERVE_WITHOUT_PRICE_USD > limit
    assert simulator.counters.llm_calls_started * Decimal("0.008") <= limit
    assert rejected >= people - limit / Decimal("0.008")
