"""The services as their units of systemd start them, under the roles that production gives them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from common.settings import DatabaseSettings, ReportSettings
from embedded.postgres import EmbeddedPostgres
from embedded.stack.readiness import free_ports
from pipelines.cycle import run_cycle
from pipelines.operator.alerts import send_notices
from pipelines.settings import PipelineSection, PipelineSettings
from simulator.app import Simulator
from simulator.telegram.world import SimUser
from tests.contracts.deployment.units import Installation, install
from tests.contracts.servers.roles import DATABASE, PROJECT, url
from tests.running import until
from warehouse.settings import WarehouseSettings

PASSWORD = "correct horse battery"
PERSON = 1001
GUEST = 7


@pytest.fixture
def installed(
    server: EmbeddedPostgres,
    warehouse_settings: WarehouseSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Installation:
    installation = install(tmp_path_factory.mktemp("root"))
    for role in ("bot", "api", "pipelines"):
        installation.set_secret(f"{role}_database_url", url(server, f"dialytics_{role}"))
    dagster = server.url("dagster").replace("postgres@", "dagster@", 1)
    installation.set_secret("dagster_database_url", dagster)
    writer = warehouse_settings.clickhouse_url.get_secret_value()
    installation.set_secret("clickhouse_url", writer)
    installation.set_secret("clickhouse_reader_url", warehouse_settings.reader_url)
    return installation


async def until_ready(address: str, log: Path) -> None:
    deadline = time.monotonic() + 200
    async with httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{address}/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"see {log}"
            await asyncio.sleep(0.1)


@pytest.fixture
async def bot(
    installed: Installation, simulator: Simulator, tmp_path: Path
) -> AsyncIterator[Simulator]:
    (port,) = free_ports(1)
    log = tmp_path / "bot.log"
    installed.set_secret("telegram_token", simulator.token)
    installed.set_secret("openrouter_api_key", simulator.api_key or "none")
    with installed.started(
        "dialytics-bot",
        log=log,
        TELEGRAM_API_URL=simulator.url,
        OPENROUTER_BASE_URL=simulator.model_url,
        LLM_MODEL="sim/primary",
        BOT_PORT=str(port),
        OPERATOR_CHAT_ID=str(PERSON),
        ACCESS_MODE="invite",
        ACCESS_ALLOWED_IDS=str(PERSON),
        TELEGRAM_CHAT_INTERVAL_SECONDS="0.01",
    ):
        await until_ready(f"http://127.0.0.1:{port}", log)
        yield simulator
    assert "permission denied" not in log.read_text()


async def reply_to(simulator: Simulator, words: str, *, person: int = PERSON) -> str:
    sent_log = simulator.account.sent_log
    before = len(sent_log.texts(person))
    simulator.account.send_text(words, person=SimUser(id=person, language_code="en"))
    await simulator.wait_until(lambda: len(sent_log.texts(person)) > before, seconds=100)
    return sent_log.texts(person)[before]


def stores(server: EmbeddedPostgres, warehouse: WarehouseSettings) -> PipelineSettings:
    return PipelineSettings(
        database=DatabaseSettings.model_validate(
            {"database_url": url(server, "dialytics_pipelines")}
        ),
        warehouse=warehouse,
        pipelines=PipelineSection.model_validate({"replication_alert_seconds": 1e-9}),
        report=ReportSettings(),
    )


@pytest.mark.timeout(600)
async def test_a_chat_and_its_statistics_work_under_the_roles_of_production(
    server: EmbeddedPostgres,
    bot: Simulator,
    installed: Installation,
    warehouse_settings: WarehouseSettings,
    tmp_path: Path,
) -> None:
    assert await reply_to(bot, "hello there")
    assert await reply_to(bot, "/system be brief")
    await the_users_of(server, "bot", "dialytics_bot")
    batch, _ = await asyncio.to_thread(run_cycle, stores(server, warehouse_settings))
    assert batch.turns >= 1
    (port,) = free_ports(1)
    log = tmp_path / "api.log"
    with installed.started("dialytics-api", log=log, API_PORT=str(port), PASSWORD_HASH_COST="10"):
        address = f"http://127.0.0.1:{port}"
        await until_ready(address, log)
        await what_an_analyst_does(address, installed)
        code = await invitation(address)
        await the_users_of(server, "api", "dialytics_api")
    assert "permission denied" not in log.read_text()
    assert "accepted" in await reply_to(bot, f"/start {code}", person=GUEST)
    # The bot sends the messages that the pipelines wrote for the operator.
    told = await asyncio.to_thread(
        send_notices, stores(server, warehouse_settings), batch.data_through
    )
    assert told
    texts = bot.account.sent_log.texts
    await bot.wait_until(
        lambda: any("ReplicationLag" in text for text in texts(PERSON)), seconds=100
    )
    # Erasing takes rights on every table that knows a person.
    assert await reply_to(bot, "/forget")


async def what_an_analyst_does(address: str, installed: Installation) -> None:
    admin_token = (installed.secrets / "admin_registration_token").read_text("utf-8").strip()
    database_url = (installed.secrets / "api_database_url").read_text("utf-8")
    async with httpx.AsyncClient(base_url=address, timeout=100) as client:
        account = {"username": "ann", "password": PASSWORD}
        answer = await client.post(
            "/api/v1/auth/register", json={**account, "admin_token": admin_token}
        )
        assert answer.status_code == 201, answer.text
        granted = await asyncio.to_thread(
            subprocess.run,
            [
                sys.executable,
                "-m",
                "api.accounts",
                "grant",
                "ann",
                "names:read",
                "texts:read",
                "admin",
            ],
            cwd=PROJECT,
            env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert granted.returncode == 0, granted.stderr
        token = (await client.post("/api/v1/auth/token", data=account)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        stats = (await client.get("/api/v1/stats", params={"period": "day"})).json()
        assert "summary" in stats, stats
        assert stats["summary"]["current"]["user_messages"] >= 1
        dialog: dict[str, Any] = stats["recent_dialogs"][0]
        text = await client.get(f"/api/v1/dialogs/{dialog['dialog_id']}/text")
        assert text.status_code == 200, text.text
        assert "hello there" in text.text


async def invitation(address: str) -> str:
    """The code of an invitation that the analyst, an admin too, makes for the bot."""
    async with httpx.AsyncClient(base_url=address, timeout=100) as client:
        answer = await client.post(
            "/api/v1/admin/invitations",
            json={"kind": "bot", "label": "friends"},
            auth=("ann", PASSWORD),
        )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


async def the_users_of(server: EmbeddedPostgres, application: str, role: str) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        rows = await connection.fetch(
            # The server is shared with other tests, which use it as its owner.
            "SELECT DISTINCT usename FROM pg_stat_activity"
            " WHERE application_name = $1 AND datname = $2",
            application,
            DATABASE,
        )
    finally:
        await connection.close()
    assert [row["usename"] for row in rows] == [role]


@pytest.mark.timeout(600)
def test_dagsters_three_services_start_by_their_units(
    installed: Installation, tmp_path: Path
) -> None:
    code, page, metrics = free_ports(3)
    ports = {
        "DAGSTER_CODE_PORT": str(code),
        "DAGSTER_PORT": str(page),
        "PIPELINES_METRICS_PORT": str(metrics),
    }
    logs = {name: tmp_path / f"{name}.log" for name in ("code", "webserver", "daemon")}
    with ExitStack() as stack:
        for name, log in logs.items():
            stack.enter_context(installed.started(f"dialytics-dagster-{name}", log, **ports))
        until(lambda: is_served(f"http://127.0.0.1:{page}/server_info"), seconds=200)
        # The daemon starts a run, in the code server's process.
        until(lambda: "published" in logs["code"].read_text(encoding="utf-8"), seconds=200)
    assert "permission denied" not in "".join(log.read_text() for log in logs.values())


def is_served(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False
