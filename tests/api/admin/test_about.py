"""Where else an account may look."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from api.settings import ServerSettings
from bot.operator.start import record_start
from bot.settings import AccessMode, BillSettings
from bot.telegram.intent import BotIdentity
from common.version import VERSION
from tests.api.running import PASSWORD, StartApi, register
from tests.api.scopes import grant, until_granted

ABOUT = "/api/v1/about"


async def test_addresses_are_told_to_accounts_that_can_use_them(
    start_api: StartApi, engine: AsyncEngine
) -> None:
    urls = {
        "grafana_url": "https://grafana.example.org/dialytics",
        "dagster_url": "http://127.0.0.1:3000",
    }
    api = start_api(**urls)
    async with api.client() as client:
        assert (await client.get(ABOUT)).status_code == 401
        await register(client)
        client.auth = ("ann", PASSWORD)
        told = {"version": VERSION, "releases": [], **urls}
        assert (await client.get(ABOUT)).json() == {**told, "dagster_url": None}
        await grant(engine, ["dagster:use"])
        await until_granted(client, ["dagster:use"])
        assert (await client.get(ABOUT)).json() == told


async def test_every_account_sees_when_a_bot_started_with_another_version(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await register(client)
    client.auth = ("ann", PASSWORD)
    upgraded = [(bot, version) for version in ("1.2.2", "1.2.2", "1.2.3") for bot in (7, 8)]
    for bot, version in (*upgraded, (7, "1.2.3"), (7, "1.2.2")):
        await record_start(
            async_sessionmaker(engine),
            BotIdentity(bot, f"helper_{bot}_bot"),
            limits=BillSettings(),
            has_operator_chat=False,
            access_mode=AccessMode.OPEN,
            version=version,
        )
    releases = (await client.get(ABOUT)).json()["releases"]
    assert [release["version"] for release in releases] == ["1.2.2", "1.2.3"]
    assert releases[0]["started_at"] > releases[1]["started_at"]
    async with engine.connect() as connection:
        first = await connection.scalar(
            text("SELECT details FROM audit_events WHERE kind = 'version_changed' ORDER BY id")
        )
    assert first == {
        "service": "bot",
        "name": "helper_7_bot",
        "before": "1.2.2",
        "after": "1.2.3",
    }


@pytest.mark.parametrize("name", ["dashboard_url", "grafana_url", "dagster_url"])
@pytest.mark.parametrize(
    "wrong", ["stats.example.org", "javascript:alert(1)", "https://[", "ftp://x"]
)
def test_an_address_that_no_browser_opens_is_refused(name: str, wrong: str) -> None:
    with pytest.raises(ValueError, match="is not like https://"):
        ServerSettings.model_validate({name: wrong})
