"""/admin: figures of a real stats API in the private chat of an operator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

import bot.stats_api
from api.accounts.keys.service_key import store_service_key
from api.accounts.passwords import PasswordHasher
from api.app import create_app
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from simulator.telegram.world import SimUser
from tests.api.conftest import store_a_week
from tests.api.running import LONG_TIMEOUTS, NOW, api_settings, serving
from tests.bot.conftest import DATA_KEY, MODEL, Start, World, group
from tests.bot.constants import GROUP_ID
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import migrated
from tests.running import eventually
from tests.warehouse.replica import Replica
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings

# The bot's own figures are of a day and of a month.
pytestmark = pytest.mark.usefixtures("one_day")

OPERATOR = 1001
KEY = "dly_a-key-of-the-tests-that-is-long-enough"


@pytest.fixture(scope="module")
def warehouse(clickhouse_server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    """A warehouse in which one week is published."""
    with migrated(clickhouse_server) as settings:
        with Writer(settings) as writer:
            store_a_week(Replica(writer, zone="UTC"))
        yield settings


def stats_api(database: DatabaseSettings, warehouse: WarehouseSettings) -> FastAPI:
    settings = api_settings(
        database,
        clickhouse_url=warehouse.writer_url,
        clickhouse_reader_url=warehouse.reader_url,
        stats_api_key=KEY,
        data_key=DATA_KEY,
    )
    return create_app(settings, clock=lambda: NOW, timeouts=LONG_TIMEOUTS)


@pytest.fixture
async def api_url(
    database: DatabaseSettings, warehouse: WarehouseSettings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """A stats API that knows the bot's key, and may take its time."""
    monkeypatch.setattr(bot.stats_api, "TIMEOUT_SECONDS", 90)

    async def is_known() -> bool:
        async with httpx.AsyncClient(base_url=url, timeout=90) as client:
            headers = {"Authorization": f"Bearer {KEY}"}
            return (await client.get("/api/v1/auth/me", headers=headers)).is_success

    with serving(stats_api(database, warehouse)) as url:
        await eventually(is_known)
        yield url


@pytest.fixture
async def world(start: Start, api_url: str) -> World:
    return await start(admin_ids=str(OPERATOR), stats_api_url=api_url, stats_api_key=KEY)


async def press(world: World, page: str, *, language: str = "en") -> str:
    """Press a button of the newest menu; the text or caption of what it brings."""
    sent_log = world.simulator.account.sent_log
    menu = [record for record in sent_log.records(kind="message") if record.reply_markup][-1]

    def pages() -> list[str]:
        sent = sent_log.records(chat_id=OPERATOR)
        return [one.text or "" for one in sent if one.kind in {"message", "photo"}]

    before = len(pages())
    person = SimUser(id=OPERATOR, language_code=language)
    world.simulator.account.press(f"admin:{page}", message_id=menu.message_id or 0, person=person)
    await world.until(lambda: len(pages()) > before)
    return pages()[before]


async def test_the_figures_are_those_of_the_api_with_a_picture_and_their_age(
    world: World, api_url: str
) -> None:
    await world.ask("/admin")
    async with httpx.AsyncClient(
        base_url=api_url, headers={"Authorization": f"Bearer {KEY}"}, timeout=90
    ) as client:
        for period, title in (
            ("today", "Today"),
            ("7d", "7 days"),
            ("month_to_date", "This month"),
        ):
            answer = await client.get("/api/v1/stats/summary", params={"period": period})
            figures = answer.json()["summary"]["current"]
            text = await press(world, period)
            assert text.startswith(f"{title} (UTC)")
            assert f"Messages: {figures['user_messages']} (vs " in text
            assert f"Active users: {figures['active_users']} (vs " in text
            assert f"Answers: {figures['answers']}, failed: {figures['failed']}" in text
            assert f"Spend: ${figures['cost_usd']:.2f}"[:9] in text
            assert "\nUpdated 5 seconds ago" in text
    pictures = world.simulator.account.sent_log.records(kind="photo")
    assert len(pictures) == 3
    assert "Excludes 1 turn with unknown price" in text
    assert {update.outcome for update in await world.settled()} == {"command"}


async def test_budget_and_health_are_pages_too_in_the_operators_language(world: World) -> None:
    await world.ask("/admin", language="ru")
    budget = await press(world, "budget", language="ru")
    assert budget.startswith("Общие расходы ничем не ограничены.\n\nмарт 2026")  # noqa: RUF001 # Russian
    assert "Обновлено 5 секунд назад" in budget
    health = await press(world, "health")
    assert "✅ Bot" in health
    assert "updates waiting: 0" in health
    assert "✅ PostgreSQL" in health
    assert "✅ ClickHouse" in health
    assert "Pipelines: Updated 5 seconds ago" in health


async def test_a_limit_of_the_bill_is_on_the_budget_page(start: Start, api_url: str) -> None:
    world = await start(
        admin_ids=str(OPERATOR),
        stats_api_url=api_url,
        stats_api_key=KEY,
        total_monthly_usd_limit="25",
    )
    world.simulator.model.set_behaviour(MODEL, cost="0.5")
    await world.ask("hello")
    world.simulator.model.set_behaviour(MODEL, usage="no_cost")
    await world.ask("and this?")
    await world.settled()
    await world.ask("/admin")
    assert (
        "Bill of all bots this month: $0.51 of $25.00\n"
        "(it counts $0.01 for 1 call of unknown cost, see LLM_PRICES)\n"
    ) in await press(world, "budget")


async def test_for_others_it_is_an_unknown_command_and_its_buttons_do_nothing(
    world: World,
) -> None:
    await world.ask("/admin")
    unknown = await world.ask("/weather", person=7, chat=7)
    assert await world.ask("/admin", person=8, chat=8) == unknown
    assert await world.ask("/admn", person=9, chat=9) == unknown
    world.simulator.account.press("admin:today", message_id=1, person=SimUser(id=8))
    *_, pressed = await world.settled()
    assert pressed.outcome == "ignored"
    assert len(world.simulator.account.sent_log.texts(8)) == 1
    # A group may read along.
    world.write("/admin", chat=group())
    assert "private chat" in (await world.replies(1, chat=-GROUP_ID))[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stats_api_key": f"{KEY}x"}, "Set a new STATS_API_KEY for bot and API and restart them"),
        ({"stats_api_url": "http://127.0.0.1:9", "stats_api_key": KEY}, "does not answer"),
        ({}, "STATS_API_KEY is not set"),
    ],
)
async def test_without_the_api_one_line_says_why(
    start: Start, api_url: str, settings: dict[str, str], words: str
) -> None:
    world = await start(admin_ids=str(OPERATOR), **{"stats_api_url": api_url, **settings})
    await world.ask("/admin")
    for page in ("today", "budget", "health"):
        text = await press(world, page)
        [line] = [line for line in text.splitlines() if "No figures" in line]
        assert words in line
    refused = "❌ Stats API: refuses the bot's key" in text
    assert refused == ("new STATS_API_KEY" in words)
    assert "✅ Stats API\n" not in text
    assert {update.outcome for update in await world.settled()} == {"command"}


async def test_without_the_api_a_person_has_usage_and_no_buttons(start: Start) -> None:
    world = await start(
        admin_ids=str(OPERATOR), stats_api_url="http://127.0.0.1:9", stats_api_key=KEY
    )
    await world.ask("hello")
    await world.settled()
    [[key]] = await world.rows("SELECT user_key FROM turns")
    for number in (f"#{key}", str(key)):
        text = await world.ask(f"/admin {number}")
        assert text.startswith(f"#{key}\nToday: messages 1,")
        assert text.endswith("the stats API does not answer.\nBans cannot be set now.")


async def test_a_key_is_stored_once_and_the_next_one_replaces_it(sessions: Sessions) -> None:
    passwords = PasswordHasher(cost=4, threads=1)
    for key in (KEY, KEY, f"{KEY}-2"):
        await store_service_key(sessions, key, passwords)
    async with sessions() as session:
        keys = await session.execute(
            text("SELECT revoked_at IS NULL, scopes FROM api_keys ORDER BY id")
        )
        assert [tuple(key) for key in keys] == [
            (False, ["names:read", "people:manage", "stats:read"]),
            (True, ["names:read", "people:manage", "stats:read"]),
        ]
        kinds = await session.scalars(text("SELECT kind FROM audit_events ORDER BY id"))
        assert list(kinds) == ["key_created", "key_revoked", "key_created"]
        # A key that an admin revoked stays revoked.
        await session.execute(text("UPDATE api_keys SET revoked_at = now()"))
        await session.commit()
        await store_service_key(sessions, f"{KEY}-2", passwords)
        valid = text("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL")
        assert await session.scalar(valid) == 0


def buttons(world: World) -> dict[str, str]:
    """Pages of the newest buttons by title."""
    sent = [one for one in world.simulator.account.sent_log.records() if one.reply_markup][-1]
    assert sent.reply_markup is not None
    rows = sent.reply_markup["inline_keyboard"]
    return {one["text"]: one["callback_data"].removeprefix("admin:") for row in rows for one in row}


async def test_a_person_is_found_banned_limited_and_allowed_again(world: World) -> None:
    bob = SimUser(id=2, username="bob", first_name="Bob")
    world.simulator.account.send_text("hello", person=bob)
    await world.replies(1, chat=2)
    [[key]] = await world.rows("SELECT user_key FROM turns")

    # Not a key, so the Telegram id of the operator.
    assert "#" in (await world.ask(f"/admin {OPERATOR}")).splitlines()[0]
    found = await world.ask("/admin @BOB")

    assert found.startswith(f"Bob @bob #{key}\nToday: messages 1,")
    assert "No rules." in found
    assert "Paused until" in await press(world, buttons(world)["Pause for a day"])
    banned = await press(world, f"person:{key}:ban:0")
    assert "🚫 Banned (/admin)" in banned
    assert "Paused" not in banned
    # The button of an older message does not soften the ban.
    assert "lift the ban first" in await press(world, f"person:{key}:pause:0")
    assert "🚫 Banned (/admin)" in await world.ask(f"/admin {key}")
    world.simulator.account.send_text("does anybody hear me?", person=bob)
    await world.settled()
    assert [turn.status for turn in await world.turns()] == ["answered", "rejected"]
    lift = buttons(world)["Lift the ban"]
    limited = await press(world, buttons(world)["5 a day"])
    assert "Limits: 5 messages a day (/admin)" in limited
    # Pressed again, it is lifted already.
    for _ in range(2):
        assert "Banned" not in await press(world, lift)
    assert "No rules." in await press(world, buttons(world)["No limits of their own"])
    world.simulator.account.send_text("and now?", person=bob)
    await world.settled()
    assert (await world.turns())[-1].status == "answered"
    [[operator]] = await world.rows(
        "SELECT key FROM users WHERE telegram_hmac = :hmac",
        hmac=world.vault.lookup("user", OPERATOR),
    )
    done = await world.rows(
        "SELECT kind, (details ->> 'by_user_key')::int FROM audit_events"
        " WHERE details ->> 'rule_id' IS NOT NULL ORDER BY id"
    )
    assert [tuple(event) for event in done] == [
        (kind, operator)
        for kind in (
            "person_paused", "person_banned", "limits_changed", "rule_removed", "rule_removed",
        )
    ]  # fmt: skip


async def test_a_forwarded_message_names_its_author(world: World) -> None:
    await world.ask("hello", person=2, chat=2)
    [[key]] = await world.rows("SELECT user_key FROM turns")
    cases = [
        ({"type": "user", "sender_user": SimUser(id=2).as_user()}, f"#{key}\n"),
        ({"type": "user", "sender_user": SimUser(id=3).as_user()}, "has not written"),
        ({"type": "hidden_user", "sender_user_name": "Eve"}, "hides the author"),
    ]
    for number, (origin, words) in enumerate(cases):
        forwarded = {
            "message_id": 10_000 + number,
            "date": 1,
            "chat": {"id": OPERATOR, "type": "private"},
            "text": "look",
            "forward_origin": {"date": 1, **origin},
        }
        assert words in await world.ask("/admin", more={"reply_to_message": forwarded})
    assert "no such person" in await world.ask("/admin @somebody_else")
    assert "no such person" in await world.ask("/admin #99")
    assert "Write /admin and" in await world.ask("/admin who is this")
    assert f"#{key}" in await world.ask(f"/admin #{key}", language="ru")
    assert len(await world.turns()) == 1


async def test_the_last_alerts_are_shown_and_acknowledged(world: World) -> None:
    await world.ask("/admin")
    assert await press(world, "alerts") == "No alert has fired yet."
    async with transaction(world.sessions) as session:
        await session.execute(
            text(
                "INSERT INTO alerts (name, metric, width, test, threshold, no_data, author_id,"
                " author) VALUES ('Twice', 'turns', 'hour', 'above', 3, 'ignore', 1, 'ann')"
            )
        )
        await session.execute(
            text(
                "INSERT INTO alert_events (alert_id, window_start, window_end, value, high)"
                " SELECT id, '2026-03-10T12:00Z', '2026-03-10T13:00Z', 4.5, 3 FROM alerts"
            )
        )
    shown = await press(world, "alerts")
    assert shown.startswith("🔔 Twice\n4.5 (at most 3 expected), window from 3/10/26")
    done = await press(world, buttons(world)["Acknowledge: Twice"])
    assert done.endswith("✅ Acknowledged by service:bot")
    [[operator]] = await world.rows(
        "SELECT (details ->> 'by_user_key')::int FROM audit_events"
        " WHERE kind = 'alert_acknowledged'"
    )
    assert operator is not None
