"""The arithmetic of rate limits and budgets, without a ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from bot.llm.completion import Usage
from bot.llm.prices import RESERVE_WITHOUT_PRICE_USD, ModelPrices
from bot.settings import AccessSettings, Price, UsageLimitSettings
from bot.turns.policy import (
    UNLIMITED,
    Budget,
    Spending,
    TurnPolicy,
    UserLimits,
    _rate_refusal,
    budgets,
)
from bot.turns.responder import Refusal
from bot.turns.rules import NO_RULES, AppliedRules

NOTHING = Spending(
    minute_messages=0,
    minute_ends_in=0,
    day_messages=0,
    month_messages=0,
    day_usd=Decimal(0),
    month_usd=Decimal(0),
    unpriced_turns=0,
    turn_day_messages=0,
    turn_month_messages=0,
    turn_day_usd=Decimal(0),
    turn_month_usd=Decimal(0),
)
PRICED = "priced"
PRICES = ModelPrices(
    {PRICED: Price(prompt=Decimal(2), completion=Decimal(8))},
    max_answer_tokens=lambda _model: 1_000,
)


def policy(now: str = "2026-03-18T20:00:00+00:00", zone: str = "UTC", **limits: Any) -> TurnPolicy:
    return TurnPolicy(
        access=AccessSettings.model_validate({}),
        limits=UsageLimitSettings.model_validate(limits),
        prices=PRICES,
        zone=ZoneInfo(zone),
        sessions=cast("Any", None),
        now=lambda: datetime.fromisoformat(now),
    )


def refusal(
    limits: TurnPolicy,
    spending: Spending,
    *,
    messages: int = 1,
    money: str = "0",
    model: str = PRICED,
) -> Refusal | None:
    return limits._budget_refusal(
        spending, own(limits), messages=messages, money=Decimal(money), model=model
    )


def own(limits: TurnPolicy, rules: AppliedRules = NO_RULES) -> UserLimits:
    return limits.limits(rules, is_admin=False)


@pytest.mark.parametrize(
    ("used", "asked", "left"),
    [(0, 3, None), (2, 1, None), (2, 2, 1), (3, 1, 0), (4, 1, 0), (3, 0, 0), (1, 9, 2)],
)
def test_a_rate_limit_accepts_whole_questions_and_states_how_many_messages_fit(
    used: int, asked: int, left: int | None
) -> None:
    spending = replace(NOTHING, minute_messages=used, minute_ends_in=12.5)
    found = _rate_refusal(spending, own(policy(rate_limit_per_minute=3)), asked)
    assert found == (None if left is None else Refusal("rate_limit", 12.5, messages_left=left))


@pytest.mark.parametrize("name", ["daily", "monthly"])
def test_a_message_budget_ends_with_its_last_message(name: str) -> None:
    limits = policy(**{f"{name}_message_limit": 5})
    field = f"{name.removesuffix('ly').replace('dai', 'day')}_messages"
    assert refusal(limits, replace(NOTHING, **{field: 4})) is None
    four = refusal(limits, replace(NOTHING, **{field: 4}), messages=2)
    assert four == Refusal(f"{name}_messages", messages_left=1)
    five = refusal(limits, replace(NOTHING, **{field: 5}), messages=0)
    assert five == Refusal(f"{name}_messages", messages_left=0)


def test_a_money_budget_must_cover_the_largest_cost_of_a_turn() -> None:
    limits = policy(daily_usd_limit="0.05", monthly_usd_limit="1")
    spent = replace(NOTHING, day_usd=Decimal("0.04"))
    assert refusal(limits, spent, money="0.01") is None
    assert refusal(limits, spent, money="0.0100000001") == Refusal("daily_usd")
    over = replace(NOTHING, month_usd=Decimal(1))
    assert refusal(limits, over) == Refusal("monthly_usd")


def test_a_model_of_unknown_price_is_refused_within_a_money_budget() -> None:
    limits = policy(daily_usd_limit="1")
    unknown = replace(NOTHING, unpriced_turns=1)
    assert refusal(limits, unknown, model="of unknown price") == Refusal("unpriced")
    assert refusal(limits, unknown, model=PRICED) is None
    assert refusal(policy(daily_message_limit=1), unknown, model="of unknown price") is None


def test_the_first_used_up_budget_is_named() -> None:
    limits = policy(daily_message_limit=1, monthly_message_limit=1, daily_usd_limit="1")
    used = replace(NOTHING, day_messages=1, month_messages=1, day_usd=Decimal(2))
    assert refusal(limits, used) == Refusal("daily_messages", messages_left=0)


def test_only_limits_that_are_set_are_budgets_and_what_is_left_is_never_negative() -> None:
    assert budgets(NOTHING, UNLIMITED) == []
    assert not own(policy()).is_set
    limits = policy(daily_usd_limit="0.5", monthly_message_limit=10)
    used = replace(NOTHING, day_usd=Decimal("0.7"), turn_day_usd=Decimal("0.3"), month_messages=3)
    messages, money = budgets(used, own(limits))
    assert (messages.name, messages.left) == ("monthly_messages", 7)
    assert money == Budget("daily_usd", Decimal("0.7"), Decimal("0.3"), Decimal("0.5"))
    assert money.left == 0


def test_own_limits_replace_the_settings_one_by_one_and_bind_admins_too() -> None:
    limits = policy(daily_message_limit=5, monthly_usd_limit="1", rate_limit_per_minute=3)
    rules = AppliedRules(daily_messages=50, daily_usd=Decimal("0.5"))
    assert own(limits, rules) == UserLimits(3, 50, None, Decimal("0.5"), Decimal(1))
    assert limits.limits(rules, is_admin=True) == UserLimits(None, 50, None, Decimal("0.5"))
    assert limits.limits(NO_RULES, is_admin=True) == UNLIMITED


def test_the_reserve_of_a_turn_is_its_largest_answer_at_the_price_of_its_model() -> None:
    assert PRICES.reserve(PRICED) == Decimal(2_000 * 2 + 1_000 * 8) / 1_000_000
    assert PRICES.reserve(PRICED, characters=100) == Decimal(250 * 2 + 1_000 * 8) / 1_000_000
    assert PRICES.reserve("of unknown price") == RESERVE_WITHOUT_PRICE_USD
    assert PRICES.reserve("of unknown price", characters=100) == RESERVE_WITHOUT_PRICE_USD
    assert PRICES.reserve(None) == RESERVE_WITHOUT_PRICE_USD


def test_tokens_without_a_stated_cost_are_priced_by_the_first_model_with_a_price() -> None:
    used = Usage(prompt_tokens=100, completion_tokens=10)
    assert PRICES.estimated_cost(used, "as served", PRICED) == Decimal("0.00028")
    assert PRICES.estimated_cost(used, None, "of unknown price") is None
    assert PRICES.estimated_cost(Usage(prompt_tokens=100), PRICED) is None


@pytest.mark.parametrize(
    ("now", "zone", "day", "month"),
    [
        ("2026-03-31T20:59:59+00:00", "Europe/Moscow", "2026-03-31", "2026-03-01"),
        ("2026-03-31T21:00:00+00:00", "Europe/Moscow", "2026-04-01", "2026-04-01"),
        ("2026-01-01T04:59:59+00:00", "America/New_York", "2025-12-31", "2025-12-01"),
        ("2026-03-08T06:59:59+00:00", "America/New_York", "2026-03-08", "2026-03-01"),
    ],
)
def test_days_and_months_begin_at_midnight_of_the_report_zone(
    now: str, zone: str, day: str, month: str
) -> None:
    assert datetime.fromisoformat(now).tzinfo == UTC
    assert policy(now, zone).periods() == (date.fromisoformat(day), date.fromisoformat(month))
