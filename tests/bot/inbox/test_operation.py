"""How the bot starts, stops and recovers, and what a turn costs the database."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from bot.app import App
from bot.settings import Settings
from common.errors import StartupError
from common.settings import DatabaseSettings, load_sections
from simulator.app import Simulator
from simulator.telegram.faults import TelegramFault
from simulator.telegram.world import SimUser
from tests.bot.conftest import MODEL, Start, World, make_settings
from tests.bot.constants import SECRET_TEXT, WEBHOOK_SECRET, WEBHOOK_URL
from tests.bot.process import BotProcess, bot_environment


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
            simulator,
            database,
            telegram_webhook_url=WEBHOOK_URL,
            telegram_webhook_secret=WEBHOOK_SECRET,
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
    steps = ["bot is stopping", "poller stopped", "running turns ended", "chat workers stopped",
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
