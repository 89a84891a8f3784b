"""Access, rate limit, budgets: refused clearly, recorded, counted from the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import text

from bot.llm.prices import RESERVE_WITHOUT_PRICE_USD
from bot.metrics import BotMetrics
from bot.settings import AccessSettings
from bot.telegram.updates import TelegramUser
from bot.turns.policy import UserLimits
from bot.users.invites import InviteCodes, InviteVerdict
from bot.users.preferences import Preferences
from bot.users.repository import UserRepository
from bot.users.usage import UsageReader
from common.encryption.sealing import Vault
from common.errors import SettingError
from common.postgres import Sessions, transaction
from common.settings import load
from common.tables.invitations import CODE_PREFIX, InvitationKind
from tests.bot.conftest import DATA_KEY, MODEL, Start, World, group
from tests.bot.constants import INVITATION, START_INVITED
from tests.bot.handlers.test_commands import press_forget
from tests.common.test_invitations import make, uses
from tests.running import eventually

# Budgets are of a day and of a month.
pytestmark = pytest.mark.usefixtures("one_day")


async def last_turn(world: World) -> Any:
    await world.settled()
    return (await world.turns())[-1]


async def test_users_outside_the_allow_list_are_refused_and_recorded(start: Start):
    world = await start(access_mode="allow-list", access_allowed_ids="7")

    assert "for invited users only" in await world.ask("hello")

    turn = await last_turn(world)
    assert (turn.status, turn.reason, turn.user_messages) == ("rejected", "access", 1)
    assert world.simulator.calls.__len__() == 0
    assert await world.rows("SELECT 1 FROM messages") == []
    await world.ask("hello", person=7, chat=7)
    assert (await last_turn(world)).status == "answered"


async def test_an_invite_code_admits(start: Start):
    world = await start(access_mode="invite", access_invite_codes=INVITATION, admin_ids="9")
    assert "invited" in await world.ask("hello")
    assert "/help" in await world.ask("/start wrong-code")
    assert "accepted" in await world.ask(START_INVITED)
    await world.replies(4)

    await world.ask("hello")

    assert (await last_turn(world)).status == "answered"
    await world.ask("hello", person=9, chat=9)
    assert (await last_turn(world)).status == "answered"


async def test_wrong_invite_codes_are_slowed_per_account_and_in_all(sessions: Sessions):
    now = 0.0
    users = await UserRepository(Vault(DATA_KEY), sessions).get_or_create([TelegramUser(7)])
    invites = InviteCodes(
        [INVITATION],
        preferences=Preferences(1, sessions=sessions),
        sessions=sessions,
        metrics=BotMetrics(),
        clock=lambda: now,
    )

    async def redeem(account: int, code: str) -> InviteVerdict:
        return await invites.redeem(users[7], account, code)

    wrong = [await redeem(7, f"{INVITATION}{n}") for n in range(5)]
    wrong.append(await redeem(7, f"{CODE_PREFIX}unknown"))
    assert wrong == [InviteVerdict.WRONG] * 5 + [InviteVerdict.SLOWED]
    assert await redeem(7, INVITATION) is InviteVerdict.SLOWED
    assert await redeem(8, INVITATION) is InviteVerdict.ACCEPTED
    for account in range(100, 119):
        assert {await redeem(account, "x") for _ in range(5)} == {InviteVerdict.WRONG}
    assert await redeem(8, INVITATION) is InviteVerdict.SLOWED
    now = 3601.0
    assert await redeem(7, INVITATION) is InviteVerdict.ACCEPTED


async def test_an_invitation_admits_once_and_is_never_a_source(start: Start, sessions: Sessions):
    world = await start(access_mode="invite")
    code = await make(sessions, InvitationKind.BOT, 1)
    assert "accepted" in await world.ask(f"/start {code}")
    await world.settled()
    assert "/help" in await world.ask(f"/start {code}")
    assert "not valid any more" in await world.ask(f"/start {code}", person=8, chat=8)
    assert "не действует" in await world.ask(f"/start {code}", person=8, chat=8, language="ru")
    account = await make(sessions, InvitationKind.ACCOUNT, 1)
    assert "not valid any more" in await world.ask(f"/start {account}", person=8, chat=8)
    await world.settled()
    assert await world.rows("SELECT source FROM users WHERE source IS NOT NULL") == []
    assert await uses(sessions, code) == 1
    await world.ask("hello")
    assert (await last_turn(world)).status == "answered"


async def test_guessing_codes_gets_a_notice_to_wait(start: Start):
    world = await start(access_mode="invite", access_invite_codes=INVITATION)
    for number in range(5):
        await world.ask(f"/start guess-{number}")
    assert "Too many wrong invite codes" in await world.ask(START_INVITED)
    assert "Слишком много" in await world.ask(START_INVITED, language="ru")
    assert world.app.metrics.wrong_invites._value.get() == 7
    assert "accepted" in await world.ask(START_INVITED, person=8, chat=8)


@pytest.mark.parametrize("codes", ["open-sesame", "a" * 40, f"{INVITATION},short"])
def test_codes_that_can_be_guessed_are_refused(monkeypatch: pytest.MonkeyPatch, codes: str):
    monkeypatch.setenv("ACCESS_MODE", "invite")
    monkeypatch.setenv("ACCESS_INVITE_CODES", codes)
    with pytest.raises(SettingError, match=r"ACCESS_INVITE_CODES.*such as [\w-]{32}$"):
        load(AccessSettings)


async def test_the_rate_limit_is_per_user_and_says_when_to_retry(start: Start):
    world = await start(rate_limit_per_minute=2)
    await world.ask("one")
    await world.ask("two")

    assert "Too many messages" in await world.ask("three")
    await world.ask("one", person=2, chat=2)

    await world.settled()
    statuses = sorted(turn.status for turn in await world.turns())
    assert statuses == ["answered", "answered", "answered", "rejected"]
    assert {turn.reason for turn in await world.turns()} == {None, "rate_limit"}


async def test_a_message_budget_warns_at_80_per_cent_and_then_refuses(start: Start):
    world = await start(daily_message_limit=5, admin_ids="9")
    for number in range(4):
        await world.ask(f"{number}")
    replies = await world.replies(5)
    assert "80 %" in replies[4]
    await world.ask("four")

    assert "your limit for today" in await world.ask("five")

    turn = await last_turn(world)
    assert (turn.status, turn.reason) == ("rejected", "daily_messages")
    for _ in range(6):
        await world.ask("admins are exempt", person=9, chat=9)
    assert (await last_turn(world)).status == "answered"


async def test_a_money_budget_is_counted_to_the_cent_from_the_ledger(start: Start):
    world = await start(daily_usd_limit="0.000005", monthly_usd_limit="100")
    await world.ask("hello")
    await world.settled()
    [row] = await world.rows("SELECT sum(cost_usd) AS spent FROM turns")
    assert row.spent > Decimal("0.000005")
    await world.replies(2)  # with the notice that the limit is used

    assert "your limit for today" in await world.ask("again")
    assert (await last_turn(world)).reason == "daily_usd"


async def test_parallel_turns_reserve_before_they_spend(start: Start):
    world = await start(daily_usd_limit="0.01")
    released = world.hold_model()
    name = world.simulator.account.username
    world.write("in private")
    world.write(f"@{name} in a group", chat=group())
    await eventually(lambda: has_refused(world))
    released.set()

    await world.settled()

    assert sorted(turn.status for turn in await world.turns()) == ["answered", "rejected"]


async def has_refused(world: World) -> bool:
    return "rejected" in {turn.status for turn in await world.turns()}


async def test_an_unpriced_model_is_refused_within_a_money_budget(start: Start):
    world = await start(daily_usd_limit="1", llm_fallback_model=None)
    world.simulator.model.set_behaviour(MODEL, usage="no_cost")
    await world.ask("hello")

    assert "price of this model is unknown" in await world.ask("again")

    assert (await last_turn(world)).reason == "unpriced"


async def test_configured_prices_replace_an_unstated_cost(start: Start):
    prices = orjson.loads('{"%s": {"prompt": 100000, "completion": 100000}}' % MODEL)  # noqa: UP031 # braces
    world = await start(daily_usd_limit="23", llm_prices=prices, llm_max_tokens=10)
    world.simulator.model.set_behaviour(MODEL, usage="no_cost", answer_words=2000)
    await world.ask("hello")

    await world.settled()
    assert (await world.turns())[0].cost_usd is None
    assert "your limit for today" in await world.ask("again")
    assert world.simulator.calls.__len__() == 1


async def test_a_turn_of_the_day_before_adds_nothing_to_the_day(start: Start):
    world = await start(daily_message_limit=5)
    for number in range(4):
        await world.ask(f"{number}")
    turn = await last_turn(world)
    yesterday = uuid4()
    async with transaction(world.sessions) as session:
        await session.execute(
            text(
                "INSERT INTO turns (id, bot_id, user_key, dialog_id, chat_type, status,"
                " received_at) SELECT :copy, bot_id, user_key, dialog_id, chat_type, status,"
                " received_at - interval '1 day' FROM turns WHERE id = :id"
            ),
            {"copy": yesterday, "id": turn.id},
        )

    nearly_used, limits = world.app.policy.nearly_used, UserLimits(daily_messages=5)

    [budget] = await nearly_used(turn.user_key, turn.id, limits)
    assert (budget.name, budget.used, budget.added) == ("daily_messages", 4, 1)
    assert await nearly_used(turn.user_key, yesterday, limits) == []


async def test_a_budget_from_prices_warns_at_80_per_cent(start: Start):
    # A turn costs a cent for its one token of answer; what it may cost at most always fits.
    prices = {MODEL: {"prompt": 0, "completion": 10_000}}
    world = await start(daily_usd_limit="0.05", llm_prices=prices, llm_max_tokens=1)
    world.simulator.model.set_behaviour(MODEL, usage="no_cost", answer="yes", finish_reason="stop")
    for number in range(3):
        await world.ask(f"{number}")
        await world.settled()

    await world.ask("three")

    replies = await world.replies(5)
    assert "80 %" in replies[4]
    await world.ask("four")
    await world.settled()
    assert "your limit for today" in await world.ask("five")
    [spent] = await world.rows("SELECT sum(completion_tokens) AS cents FROM turns")
    assert spent.cents == 5


async def test_a_turn_that_could_exceed_the_budget_is_not_begun(start: Start):
    prices = {MODEL: {"prompt": 0, "completion": 10_000}}
    world = await start(daily_usd_limit="0.05", llm_prices=prices, llm_max_tokens=3)
    world.simulator.model.set_behaviour(MODEL, usage="no_cost", answer="yes")
    for number in range(3):
        await world.ask(f"{number}")
        await world.settled()

    assert "your limit for today" in await world.ask("three tokens would not fit")


async def stop_after(world: World, characters: int) -> Any:
    """Ask, read so much of the answer, stop it; the turn."""
    sent_log = world.simulator.account.sent_log
    world.write("tell me")
    await world.until(
        lambda: any(len(draft.text or "") >= characters for draft in sent_log.records(kind="draft"))
    )
    world.write("/stop")
    turn = await last_turn(world)
    assert turn.status == "cancelled"
    return turn


async def test_an_answer_that_was_stopped_is_not_free(start: Start):
    # At two characters a token what was read is at least fifteen cents.
    prices = {MODEL: {"prompt": 0, "completion": 1_000}}
    world = await start(daily_usd_limit="0.5", llm_prices=prices, llm_max_tokens=400)
    world.simulator.model.set_behaviour(MODEL, answer="word " * 300, token_seconds=0.02)

    turn = await stop_after(world, 300)

    assert (turn.model_used, turn.cost_usd, turn.prompt_tokens) == (MODEL, None, None)
    spending = await world.app.policy.spending(turn.user_key)
    assert spending.day_usd == turn.answer_chars * Decimal("0.0005")
    assert "your limit for today" in await world.ask("again")


async def test_a_stopped_answer_of_a_model_without_a_price_costs_what_was_reserved(start: Start):
    world = await start(daily_usd_limit="1")
    world.simulator.model.set_behaviour(MODEL, answer="word " * 300, token_seconds=0.02)

    turn = await stop_after(world, 20)

    spending = await world.app.policy.spending(turn.user_key)
    assert spending.day_usd == RESERVE_WITHOUT_PRICE_USD
    [day] = await UsageReader(sessions=world.sessions, zone="UTC").by_day(turn.user_key)
    assert (day.cost_usd, day.unpriced) == (None, 1)
    # The model's price is still unknown: the next answer will state its cost.
    world.simulator.model.set_behaviour(MODEL, answer="yes")
    world.write("again")
    assert (await last_turn(world)).status == "answered"


async def test_an_answer_that_was_stopped_warns_at_80_per_cent_too(start: Start):
    world = await start(daily_usd_limit=str(RESERVE_WITHOUT_PRICE_USD / Decimal("0.8")))
    world.simulator.model.set_behaviour(MODEL, answer="word " * 300, token_seconds=0.02)

    await stop_after(world, 20)

    # The part that was read, and the word about the budget.
    assert "80 %" in (await world.replies(2))[1]


async def test_forget_resets_no_budget(start: Start):
    world = await start(daily_message_limit=2)
    await world.ask("one")
    await world.ask("two")
    assert "100 %" in (await world.replies(3))[2]
    await press_forget(world, "forget:yes")
    await world.replies(5)

    assert "your limit for today" in await world.ask("three")

    spent = await world.rows("SELECT period, messages FROM spent_budgets ORDER BY period")
    assert [tuple(row) for row in spent] == [("day", 2), ("month", 2)]


async def test_usage_shows_remaining_budgets(start: Start):
    world = await start(
        daily_message_limit=10, monthly_message_limit=100, daily_usd_limit="1",
        monthly_usd_limit="5",
    )  # fmt: skip
    await world.ask("hello")
    world.write("/usage")
    sent_log = world.simulator.account.sent_log
    await world.until(lambda: sent_log.records(kind="photo"))
    caption = sent_log.records(kind="photo")[0].text or ""
    assert "Messages left today: 9 of 10" in caption
    assert "Messages left this month: 99 of 100" in caption
    assert "Budget left today: $0.9" in caption


async def test_usage_shows_no_limits_to_admins(start: Start):
    world = await start(
        daily_message_limit=10, monthly_message_limit=100, daily_usd_limit="1",
        monthly_usd_limit="5", admin_ids="1001",
    )  # fmt: skip
    assert "You have not used anything yet" in (before := await world.ask("/usage"))
    assert "left" not in before

    await world.ask("hello")
    world.write("/usage")
    sent_log = world.simulator.account.sent_log
    await world.until(lambda: sent_log.records(kind="photo"))
    caption = sent_log.records(kind="photo")[0].text or ""
    assert "Today" in caption
    assert "left" not in caption
