"""Secrets do not leak when something fails: broken addresses, refused passwords.

tests/observability/test_stack.py checks the logs of a whole stack at its most verbose level.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.errors import StartupError, UnavailableError
from common.log import redact
from common.postgres import check_reachable
from common.settings import DatabaseSettings, Section, load
from deploy.settings import settings
from tests.api.running import ADMIN_TOKEN, PASSWORD, StartApi, bearer, register
from tests.clickhouse_process import ClickHouseProcess
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.settings import WarehouseSettings

MARKER = "hunter2marker"
PROJECT = Path(__file__).parents[2]
BROKEN = (
    "{scheme}://user:{marker}@127.0.0.1:9/db",
    "{scheme}://{marker}@127.0.0.1:9/db",
    "{scheme}://user:{marker}@[::1/db",
    "{scheme}://user:{marker}@host:no-port/db",
    "{scheme}://user:a/{marker}@127.0.0.1:9/db",
    "{scheme}://user:a#{marker}@127.0.0.1:9/db",
    "{scheme}://user:a?{marker}@127.0.0.1:9/db",
    "{scheme}://user:a@{marker}@127.0.0.1:9/db",
    "{scheme}://user:%zz{marker}@127.0.0.1:9/db",
    "{scheme}:user:{marker}@127.0.0.1:9/db",
    "other://user:{marker}@127.0.0.1:9/db",
    "user:{marker}@127.0.0.1:9",
    "{marker}",
    "{scheme}://127.0.0.1:9/db?user=a&password={marker}",
    "{scheme}://user:{marker}\n@127.0.0.1:9/db",
)


def addresses(scheme: str) -> list[str]:
    return [broken.replace("{scheme}", scheme).replace("{marker}", MARKER) for broken in BROKEN]


def told(error: BaseException) -> str:
    """The error of a process that cannot start."""
    assert isinstance(error, StartupError | UnavailableError), repr(error)
    line = redact(str(error))
    assert "\n" not in line.strip()
    return line


@pytest.mark.parametrize("address", addresses("postgresql"))
async def test_no_broken_address_of_postgresql_shows_its_password(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", address)

    with pytest.raises((StartupError, UnavailableError), match=r"^DATABASE_URL: ") as refused:
        await check_reachable(load(DatabaseSettings))
    assert MARKER not in told(refused.value)


@pytest.mark.parametrize("address", addresses("http"))
async def test_no_broken_address_of_clickhouse_shows_its_password(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", address)
    monkeypatch.setenv("CLICKHOUSE_READER_URL", address)
    shown = []
    try:
        section = load(WarehouseSettings)
        with Writer(section) as writer:
            writer.value("x", sql="SELECT 1")
    except Exception as error:  # noqa: BLE001 # whatever it is, it must not show the password
        shown.append(str(error))
    else:
        reader = ClickHouseReader(section)
        try:
            await reader.rows("x", "SELECT 1", {})
        except Exception as error:  # noqa: BLE001 # the same
            shown.append(str(error))
        await reader.close()
    assert shown, "there is no such server"
    assert MARKER not in redact(shown[0])


def test_a_refused_password_is_not_repeated(clickhouse_server: ClickHouseProcess) -> None:
    wrong = f"http://writer:{MARKER}@127.0.0.1:{clickhouse_server.port}/default"
    section = WarehouseSettings.model_validate({"clickhouse_url": wrong})
    with pytest.raises(Exception, match="ClickHouse") as refused:
        Writer(section)
    assert MARKER not in str(refused.value)
    assert MARKER not in clickhouse_server.log_path.read_text()


def secrets() -> list[tuple[type[Section], str]]:
    return sorted(
        {(item.section, item.name) for item in settings() if item.is_secret},
        key=lambda found: (found[1], found[0].__module__),
    )


@pytest.mark.parametrize(
    ("section", "name"), secrets(), ids=lambda value: getattr(value, "__name__", value)
)
@pytest.mark.parametrize("value", [MARKER, f"{MARKER}\n{MARKER}", "\x7f" + MARKER, MARKER * 1000])
def test_no_wrong_secret_is_repeated(
    monkeypatch: pytest.MonkeyPatch, section: type[Section], name: str, value: str
) -> None:
    for production in ("development", "production"):
        monkeypatch.setenv("ENVIRONMENT", production)
        monkeypatch.setenv(name, value)
        try:
            shown = repr(load(section)) + str(load(section))
        except StartupError as error:
            shown = told(error)
        assert MARKER not in shown


async def test_no_answer_or_metric_of_the_api_holds_a_secret(start_api: StartApi) -> None:
    """Provoked: wrong passwords, secrets in the wrong place, a failure inside with all of them."""

    async def broken(*_arguments: Any, **_named: Any) -> Any:
        text = f"postgresql://user:{MARKER}@db/x"
        raise RuntimeError(f"cannot reach {text}")

    api = start_api(create={"resolve_snapshot": broken}, metrics_token="m" * 32)
    async with api.client() as client:
        await register(client)
        token = await bearer(client)
        shown = [
            (await client.get("/api/v1/stats", headers=token)).text,
            (await client.get("/api/v1/auth/me", auth=("ann", MARKER))).text,
            (
                await client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {MARKER}"})
            ).text,
            (await client.get(f"/{MARKER}", params={"password": MARKER})).text,
            (
                await client.post(
                    "/api/v1/auth/token", data={"username": MARKER, "password": MARKER}
                )
            ).text,
            (await client.post("/api/v1/auth/token", params={"password": MARKER})).text,
            (
                await client.post("/api/v1/auth/register", json={"password": MARKER, "x": MARKER})
            ).text,
            (await client.post("/api/v1/auth/register", content=f'{{"password": "{MARKER}"')).text,
            (await client.get("/metrics", headers={"Authorization": f"Bearer {'m' * 32}"})).text,
        ]
    for answer in shown:
        for secret in (MARKER, PASSWORD, ADMIN_TOKEN, "m" * 32, token["Authorization"]):
            assert secret not in answer


def test_a_process_that_fails_inside_writes_no_secret(tmp_path: Path) -> None:
    """An exception whose message, cause and notes hold credentials, through the real log."""
    script = f"""
from common.log import configure_logging, get_logger
from common.settings import RuntimeSettings
configure_logging(RuntimeSettings(), service="test")
log = get_logger("test")
word = {MARKER!r}
try:
    try:
        raise OSError(f"GET https://api.telegram.org/bot123456:AA{{word}}0123456789/getMe")
    except OSError as error:
        error.add_note(f"dsn postgresql://user:{{word}}@db/x?password={{word}}")
        raise RuntimeError(f"password={{word}} token='{{word}}'") from error
except RuntimeError:
    log.exception("failed", address=f"redis://:{{word}}@cache", nested=[f"Basic {{word}}=="])
log.warning("plain %s", f"https://user:pa/{{word}}@host/path and http://u:a@{{word}}@host")
"""
    for log_format in ("json", "console"):
        outcome = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "LOG_FORMAT": log_format, "PYTHONPATH": str(PROJECT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
        )
        assert "RuntimeError" in outcome.stderr
        assert MARKER not in outcome.stderr, outcome.stderr
        if log_format == "json":
            assert len([json.loads(line) for line in outcome.stderr.splitlines()]) == 2
