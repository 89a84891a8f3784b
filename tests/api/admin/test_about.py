"""Where else an account may look."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.settings import ServerSettings
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
        assert (await client.get(ABOUT)).json() == {
            "version": VERSION,
            **urls,
            "dagster_url": None,
        }
        await grant(engine, ["dagster:use"])
        await until_granted(client, ["dagster:use"])
        assert (await client.get(ABOUT)).json() == {"version": VERSION, **urls}


@pytest.mark.parametrize("name", ["dashboard_url", "grafana_url", "dagster_url"])
@pytest.mark.parametrize(
    "wrong", ["stats.example.org", "javascript:alert(1)", "https://[", "ftp://x"]
)
def test_an_address_that_no_browser_opens_is_refused(name: str, wrong: str) -> None:
    with pytest.raises(ValueError, match="is not like https://"):
        ServerSettings.model_validate({name: wrong})
