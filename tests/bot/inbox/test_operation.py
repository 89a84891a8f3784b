"""How an operator meets the bot: webhook (B6), start, end (B4), health, metrics, logs (B10)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text

from bot.app import App
from bot.inbox.http import (
    MAX_BODY_BYTES,
    SECRET_HEADER,
    WebhookConfig,
    WebhookHandler,
)
from bot.settings import Settings
from common.errors import StartupError
from common.postgres import Sessions
from common.settings import DatabaseSettings, load_sections
from common.version import VERSION
from embedded.postgres import EmbeddedPostgres
from simulator.app import Simulator
from simulator.telegram.faults import TelegramFault
from simulator.telegram.world import SimUser
from tests.bot.conftest import MODEL, Start, World, eventually, make_settings
from tests.bot.constants import SECRET_TEXT
from tests.bot.inbox.test_kills import BotProcess, bot_environment

SECRET = "a-webhook-secret-of-the-tests"
HOOK = "https://bot.example.org/telegram/hook"


async def post(
    world: World, body: bytes | BytesIO, *, secret: str | None = SECRET, **more: Any
) -> int:
    headers = {} if secret is None else {SECRET_HEADER: secret}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{world.url}/telegram/hook", data=body, headers=headers, **more) as answer,
    ):
        return answer.status


async def get(world: World, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(world.url + path) as answer:
        return answer.status, await answer.text()


def text_update(update_id: int, words: str = "hello", person: int = 1001) -> bytes:
    return json.dumps(
        {
            "update_id": update_id,
            "message": {
                "message_id": update_id, "date": int(time.time()), "text": words,
                "chat": {"id": person, "type": "private"},
                "from": {"id": person, "is_bot": False, "first_name": "Ada"},
            },
        }
    ).encode()  # fmt: skip


@pytest.fixture
async def hooked(start: Start) -> World:
    """A bot in webhook mode."""
    return await start(telegram_webhook_url=HOOK, telegram_webhook_secret=SECRET)


async def test_the_webhook_is_registered_with_its_secret(hooked: World):
    await eventually(lambda: is_set(hooked))
    webhook = hooked.simulator.account.webhook
    assert (webhook.url, webhook.secret_token) == (HOOK, SECRET)
    # The simulator would deliver to that address for ever.
    webhook.url = ""


async def is_set(world: World) -> bool:
    return bool(world.simulator.account.webhook.url)


async def test_the_webhook_requires_its_secret(hooked: World):
    body = text_update(1)
    assert await post(hooked, body, secret=None) == 401
    assert await post(hooked, body, secret="") == 401
    assert await post(hooked, body, secret="wrong") == 401
    assert await post(hooked, body, secret="сек🔑рет") == 401
    assert await hooked.updates() == []
    assert await post(hooked, body) == 200
    await hooked.replies(1)


async def test_the_webhook_refuses_what_is_no_update(hooked: World):
    assert await post(hooked, b"{not json") == 400
    assert await post(hooked, b"[]") == 400
    assert await post(hooked, b"null") == 400
    assert await post(hooked, b'{"message": {}}') == 400
    assert await post(hooked, b'{"update_id": true}') == 400
    assert await post(hooked, b"[" * 100_000) == 400
    assert await post(hooked, BytesIO(b"x" * (MAX_BODY_BYTES + 1))) == 413
    assert await hooked.updates() == []


async def test_the_webhook_parks_an_unparsable_update_and_returns_200(hooked: World):
    assert await post(hooked, b'{"update_id": 5, "message": {"chat": "moon"}}') == 200
    [update] = await hooked.updates()
    assert (update.outcome, update.kind) == ("parked", "unreadable")


async def test_the_same_update_five_times_at_once_is_one_turn(hooked: World):
    statuses = await asyncio.gather(*(post(hooked, text_update(77)) for _ in range(5)))

    assert statuses == [200] * 5
    await hooked.replies(1)
    assert len(await hooked.turns()) == 1
    assert len(hooked.simulator.calls) == 1


async def test_updates_out_of_order_are_answered_once_each(hooked: World):
    order = [5, 3, 9, 1, 5, 3]
    for update_id in order:
        assert await post(hooked, text_update(update_id, person=update_id)) == 200
    await eventually(lambda: all_settled(hooked, 4))
    assert len(hooked.simulator.calls) == 4


async def all_settled(world: World, count: int) -> bool:
    updates = await world.updates()
    return len(updates) == count and all(update.outcome for update in updates)


async def test_two_replicas_behind_one_webhook_share_the_inbox(start: Start):
    settings = {"telegram_webhook_url": HOOK, "telegram_webhook_secret": SECRET}
    replicas = [await start(**settings), await start(**settings)]
    replicas[0].simulator.model.set_behaviour(MODEL, first_token_seconds=0.05)
    for number in range(30):
        status = await post(
            replicas[number % 2], text_update(number + 1, f"{number}", person=number % 3 + 1)
        )
        assert status == 200

    await eventually(lambda: all_settled(replicas[0], 30))

    world = replicas[0]
    assert len(world.simulator.calls) == 30
    assert world.simulator.counters.messages_sent == 30
    rows = await world.rows(
        "SELECT u.lane, array_agg(u.update_id ORDER BY t.answered_at) AS ids"
        " FROM updates u JOIN turns t ON t.id = u.turn_id GROUP BY u.lane"
    )
    assert all(row.ids == sorted(row.ids) for row in rows)


async def test_stop_reaches_a_turn_that_another_replica_runs(start: Start):
    settings = {"telegram_webhook_url": HOOK, "telegram_webhook_secret": SECRET}
    one, two = await start(**settings), await start(**settings)
    one.simulator.model.set_behaviour(MODEL, answer="word " * 400, token_seconds=0.05)
    await post(one, text_update(1))
    await one.until(lambda: len(one.simulator.calls) == 1)

    await post(two, text_update(2, "/stop"))

    await eventually(lambda: all_settled(one, 2))
    [turn] = await one.turns()
    assert turn.status == "cancelled"


class _Request:
    def __init__(self, remote: str, *forwarded: str) -> None:
        self.remote = remote
        self.headers = CIMultiDict(("X-Forwarded-For", entry) for entry in forwarded)


@pytest.mark.parametrize(
    ("hops", "remote", "forwarded", "accepted"),
    [
        (0, "149.154.167.197", (), True),
        (0, "91.108.4.1", (), True),
        (0, "10.0.0.1", ("149.154.167.197",), False),
        (1, "10.0.0.1", ("149.154.167.197",), True),
        (1, "10.0.0.1", ("149.154.167.197, 8.8.8.8",), False),
        (1, "10.0.0.1", (), False),
        (0, "not an address", (), False),
    ],
)
def test_only_trusted_proxies_state_the_clients_address(
    *, hops: int, remote: str, forwarded: tuple[str, ...], accepted: bool
):
    receiver = WebhookHandler(
        WebhookConfig("/", b"x", networks_only=True, trusted_hops=hops), inbox=lambda: None
    )
    assert receiver._is_from_telegram(_Request(remote, *forwarded)) is accepted  # type: ignore[arg-type] # the two attributes it reads


async def test_other_networks_are_refused_if_only_telegrams_may_deliver(start: Start):
    world = await start(
        telegram_webhook_url=HOOK, telegram_webhook_secret=SECRET, telegram_networks_only=True
    )
    assert await post(world, text_update(1)) == 403


# Health and metrics


async def test_health_ready_and_metrics_answer(world: World):
    await world.ask("hello")
    await world.settled()

    status, body = await get(world, "/health")
    health = json.loads(body)
    assert status == 200
    assert health["status"] == "healthy"
    assert health["version"] == VERSION
    assert health["database"] == "connected"
    assert health["rate_limiter"] == "active"
    assert health["uptime_seconds"] > 0
    assert (await get(world, "/ready"))[0] == 200
    _, metrics = await get(world, "/metrics")
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }
    model = (("model", MODEL),)
    assert samples["llm_requests_total", model] == 1
    assert samples["llm_request_duration_seconds_count", (*model, ("status", "success"))] == 1
    assert samples["telegram_messages_received_total", ()] == 1
    assert samples["telegram_messages_sent_total", ()] == 1
    assert samples["bot_inbox_depth", ()] == 0
    assert ("llm_fallback_used_total", ()) in samples


async def test_while_telegram_is_unavailable_health_works_and_ready_says_why(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
):
    away = simulator.telegram.faults.add(
        TelegramFault(kind="error", method="getMe", status=502, description="Bad Gateway")
    )
    app = App(
        make_settings(
            simulator, database, telegram_webhook_url=HOOK, telegram_webhook_secret=SECRET
        )
    )
    world = World(app, simulator, sessions)
    async with AsyncExitStack() as stack:
        starting = asyncio.ensure_future(stack.enter_async_context(app.running()))
        await world.until(lambda: simulator.counters.methods.get("getme", 0) > 1)

        assert (await get(world, "/health"))[0] == 200
        assert await get(world, "/ready") == (503, '{"ready": false, "waiting_for": "telegram"}')
        assert (await get(world, "/metrics"))[0] == 200
        assert await post(world, text_update(1)) == 503
        simulator.telegram.faults.remove(away)

        await asyncio.wait_for(starting, 90)
        assert await get(world, "/ready") == (200, '{"ready": true}')
        assert await post(world, text_update(1)) == 200
        simulator.account.webhook.url = ""


async def test_a_bot_that_starts_while_postgresql_is_frozen_waits_for_it(
    simulator: Simulator,
    database: DatabaseSettings,
    sessions: Sessions,
    postgres_server: EmbeddedPostgres,
):
    postmaster = int((postgres_server.directory / "data" / "postmaster.pid").read_text().split()[0])
    app = App(make_settings(simulator, database))
    world = World(app, simulator, sessions)
    async with AsyncExitStack() as stack:
        os.kill(postmaster, signal.SIGSTOP)
        try:
            starting = asyncio.ensure_future(stack.enter_async_context(app.running()))
            await eventually(lambda: is_listening(app))
            waits = (503, '{"ready": false, "waiting_for": "database"}')
            assert await get(world, "/ready") == waits
            assert not starting.done()
        finally:
            os.kill(postmaster, signal.SIGCONT)
        await asyncio.wait_for(starting, 90)
        assert await get(world, "/ready") == (200, '{"ready": true}')


async def is_listening(app: App) -> bool:
    return hasattr(app, "port")


async def test_the_bot_is_not_ready_before_telegram_has_accepted_its_webhook(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
):
    away = simulator.telegram.faults.add(
        TelegramFault(kind="error", method="setWebhook", status=502, description="Bad Gateway")
    )
    app = App(
        make_settings(
            simulator, database, telegram_webhook_url=HOOK, telegram_webhook_secret=SECRET
        )
    )
    world = World(app, simulator, sessions)
    async with AsyncExitStack() as stack:
        starting = asyncio.ensure_future(stack.enter_async_context(app.running()))
        await world.until(lambda: simulator.counters.methods.get("setwebhook", 0) > 1)

        assert await get(world, "/ready") == (503, '{"ready": false, "waiting_for": "telegram"}')
        simulator.telegram.faults.remove(away)

        await asyncio.wait_for(starting, 90)
        assert await get(world, "/ready") == (200, '{"ready": true}')
        simulator.account.webhook.url = ""


async def test_metrics_need_the_local_machine_or_the_token(start: Start):
    world = await start(metrics_token="a-token-for-metrics")
    proxied = {"X-Forwarded-For": "8.8.8.8"}
    async with aiohttp.ClientSession() as session:
        for headers, expected in (
            ({}, 200),
            (proxied, 403),
            (proxied | {"Authorization": "Bearer a-token-for-metrics"}, 200),
            (proxied | {"Authorization": "Bearer wrong"}, 403),
        ):
            async with session.get(f"{world.url}/metrics", headers=headers) as answer:
                assert answer.status == expected


async def test_metrics_work_while_postgresql_hangs(start: Start, sessions: Sessions):
    world = await start()
    async with sessions() as session, aiohttp.ClientSession() as client:
        await session.execute(text("LOCK TABLE updates IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        async with client.get(f"{world.url}/metrics") as answer:
            assert answer.status == 200
            assert "bot_inbox_depth" in await answer.text()
        assert time.monotonic() - began < 10
        await session.rollback()


async def test_health_checks_the_model_if_configured(start: Start):
    world = await start(health_checks_llm=True)
    health = json.loads((await get(world, "/health"))[1])
    assert health["llm"] == "reachable"


# Speed


async def test_a_turn_costs_at_most_six_statements(start: Start):
    # Periodic statements are not counted, however long the turns take.
    world = await start(sweep_seconds=60)
    await world.ask("warm up")
    await world.settled()
    statements: list[str] = []
    listen = world.app.engine.sync_engine
    event.listen(listen, "before_cursor_execute", lambda *given: statements.append(given[2]))
    claims, rows, write_batch = (
        world.app.chat_locks._run, world.app.statements.rows, world.app.statements.write_batch
    )  # fmt: skip

    async def counted_claims(query: str, *arguments: object) -> list[Any]:
        if "claim_lanes" in query:
            statements.append(query)
        return await claims(query, *arguments)

    async def counted_rows(name: str, parameters: Any) -> list[Any]:
        statements.append(name)
        return await rows(name, parameters)

    async def counted_together(name: str, calls: list[Any]) -> list[Any]:
        statements.extend([name] * len(calls))
        return await write_batch(name, calls)

    world.app.chat_locks._run = counted_claims  # type: ignore[method-assign] # counts statements of the locks' connection
    world.app.statements.rows = counted_rows  # type: ignore[method-assign] # the same
    world.app.statements.write_batch = counted_together  # type: ignore[method-assign] # the same
    for number in range(10):
        await world.ask(f"question {number}")
    await world.settled()
    assert len(statements) / 10 <= 6, statements[:8]


# Start and end


async def run_bot(environment: dict[str, str], directory: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        env=environment,
        cwd=directory,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 100)
    return process.returncode or 0, errors.decode()


@pytest.mark.parametrize(
    "token", ["not a token", pytest.param("1:unknown", marks=pytest.mark.long)]
)
async def test_bad_settings_end_in_one_line_and_exit_code_2(
    simulator: Simulator, database: DatabaseSettings, tmp_path: Path, token: str
):
    environment = bot_environment(simulator, database, TELEGRAM_TOKEN=token)
    code, errors = await run_bot(environment, tmp_path)
    lines = [line for line in errors.splitlines() if line]
    assert (code, len(lines)) == (2, 1), errors
    assert "TELEGRAM_TOKEN" in lines[0]
    assert token not in lines[0]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"TELEGRAM_TOKEN": "1:unknown"}, "TELEGRAM_TOKEN"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:none/none"}, "DATABASE_URL"),
        ({"LLM_TIMEOUT_SECONDS": "soon"}, "LLM_TIMEOUT_SECONDS"),
        ({"DEFAULT_LANGUAGE": "xx"}, "DEFAULT_LANGUAGE"),
        ({"TELEGRAM_WEBHOOK_URL": "https://bot.example.org/x"}, "TELEGRAM_WEBHOOK_SECRET"),
        ({"LOG_LEVEL": "CHATTY"}, "LOG_LEVEL"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value.values()))[:12],
)
async def test_a_bad_setting_is_named_in_one_line(
    simulator: Simulator,
    database: DatabaseSettings,
    changes: dict[str, str],
    named: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level("INFO", "bot")
    for name, value in bot_environment(simulator, database, **changes).items():
        monkeypatch.setenv(name, value)

    with pytest.raises(StartupError) as refused:
        async with App(load_sections(Settings)).running():
            pass

    [line] = str(refused.value).splitlines()
    assert named in line
    assert changes.get("TELEGRAM_TOKEN", "?!") not in line
    assert caplog.messages == []


async def test_a_webhook_that_telegram_refuses_ends_in_one_line(
    simulator: Simulator, database: DatabaseSettings, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO", "bot")
    refused = "Bad Request: bad webhook: HTTPS url must be provided for webhook"
    simulator.telegram.faults.add(
        TelegramFault(kind="error", method="setWebhook", status=400, description=refused)
    )
    app = App(
        make_settings(
            simulator, database, telegram_webhook_url=HOOK, telegram_webhook_secret=SECRET
        )
    )

    with pytest.raises(StartupError) as error:
        async with app.running():
            pass

    [line] = str(error.value).splitlines()
    assert line.startswith("TELEGRAM_WEBHOOK_URL: ")
    assert "HTTPS url must be provided" in line
    assert caplog.messages == []


async def test_sigterm_lets_an_answer_finish_and_no_log_line_holds_the_token_a_text_or_an_id(
    simulator: Simulator, database: DatabaseSettings, tmp_path: Path
):
    simulator.model.set_behaviour(MODEL, answer="word " * 40, token_seconds=0.03)
    for kind in ("drop", "html", "garbage"):
        simulator.telegram.faults.add(TelegramFault(kind=kind, method="sendMessage", times=1))
    log = tmp_path / "bot.log"
    environment = bot_environment(simulator, database, LOG_LEVEL="DEBUG", LOG_FORMAT="json")
    bot = BotProcess(environment, log)
    await bot.start()
    simulator.account.send_text(SECRET_TEXT, person=SimUser(id=987_654_321))
    await simulator.wait_until(lambda: simulator.counters.messages_sent == 1, seconds=90)
    simulator.account.send_text("tell me")
    await simulator.wait_until(lambda: len(simulator.calls) == 2, seconds=90)
    began = time.monotonic()

    assert await bot.end(signal.SIGTERM) == 0

    assert time.monotonic() - began < 25
    assert simulator.account.sent_log.texts(1001) == [("word " * 40).strip()]
    written = log.read_text()
    entries = [json.loads(line) for line in written.splitlines()]
    steps = ["bot is stopping", "poller stopped", "running turns ended", "lanes stopped",
             "HTTP server stopped", "connections closed", "bot has stopped"]  # fmt: skip
    assert [entry["event"] for entry in entries if entry["event"] in steps] == steps
    assert simulator.token not in written
    assert simulator.token.partition(":")[2] not in written
    assert "secret garden" not in written
    assert "987654321" not in written
    finished = next(entry for entry in entries if entry["event"] == "turn finished")
    assert {"update_id", "turn_id", "dialog_id"} <= finished.keys()


async def test_a_turn_that_cannot_finish_before_shutdown_is_stopped_with_a_notice(
    start: Start,
):
    world = await start()
    world.simulator.model.set_behaviour(MODEL, answer="word " * 4000, token_seconds=0.05)
    world.write("tell me")
    await world.until(lambda: world.simulator.counters.drafts_sent > 0)

    assert await world.app.chat_workers.finish(0.2) == 0

    replies = await world.replies(2)
    assert "restarted" in replies[1]
    [turn] = await world.turns()
    assert (turn.status, turn.reason) == ("failed", "interrupted")


async def test_the_bot_recovers_when_the_database_drops_its_connections(world: World):
    await world.ask("hello")
    await world.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    await world.ask("are you there?")

    await world.settled()
    assert [turn.status for turn in await world.turns()] == ["answered", "answered"]
