"""Tokens are renewed without the password, until the session ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.constants import ME, NEW_PASSWORD
from tests.api.running import PASSWORD, StartApi, bearer, register
from tests.api.scopes import grant

RENEW = "/api/v1/auth/renew"


class TokenClock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_minutes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def clock() -> TokenClock:
    return TokenClock()


@pytest.fixture
async def ann(start_api: StartApi, clock: TokenClock) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose session may last an hour."""
    api = start_api(create={"clock": clock}, api_session_hours=1)
    async with api.client() as client:
        await register(client)
        yield client


async def renewed(client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, str]:
    answer = await client.post(RENEW, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_a_session_goes_on_by_renewals_until_its_age_ends_it(
    ann: httpx.AsyncClient, clock: TokenClock
) -> None:
    token = first = await bearer(ann, client_id="dashboard")
    for _ in range(4):
        clock.pass_minutes(14)
        token = await renewed(ann, token)
        assert (await ann.get(ME, headers=token)).status_code == 200
    assert (await ann.get(ME, headers=first)).json()["code"] == "token_expired"
    # 56 minutes after the login the last token holds for four.
    answer = await ann.post(RENEW, headers=token)
    assert 230 <= answer.json()["expires_in"] <= 240
    clock.pass_minutes(4)
    over = await ann.post(RENEW, headers=token)
    assert (over.status_code, over.json()["code"]) == (401, "token_expired")


async def test_a_token_outlives_its_session_only_until_it_is_renewed(
    start_api: StartApi, clock: TokenClock
) -> None:
    secret = "r" * 40
    wide = start_api(create={"clock": clock}, api_session_hours=2, api_token_secret=secret)
    async with wide.client() as client:
        await register(client)
        token = await bearer(client)
        for _ in range(5):
            clock.pass_minutes(13)
            token = await renewed(client, token)
    # The operator shortens sessions: the next renewal is refused, with the reason.
    narrow = start_api(create={"clock": clock}, api_session_hours=1, api_token_secret=secret)
    async with narrow.client() as client:
        over = await client.post(RENEW, headers=token)
        assert (over.status_code, over.json()["code"]) == (401, "session_over")
        assert "Basic" not in over.headers["www-authenticate"]


async def test_a_renewed_token_is_what_the_old_one_was_and_never_more(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await grant(engine, ["stats:read", "names:read"])
    token = await bearer(ann, client_id="dashboard")
    narrow = await bearer(ann, scope="stats:read")
    await grant(engine, ["stats:read", "admin"])
    for each in (token, narrow):
        fresh = await renewed(ann, each)
        me = (await ann.get(ME, headers=fresh)).json()
        assert me["granted_scopes"] == ["stats:read"]
    claims = [
        jwt.decode(each["Authorization"].split()[1], options={"verify_signature": False})
        for each in (token, await renewed(ann, token))
    ]
    assert claims[0]["auth_time"] == claims[1]["auth_time"]
    assert claims[0]["client"] == claims[1]["client"] == "dashboard"
    assert claims[0]["jti"] != claims[1]["jti"]


async def test_a_changed_password_or_a_closed_account_cannot_be_renewed(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    token = await bearer(ann)
    changed = await ann.post(
        "/api/v1/auth/password",
        headers=token,
        json={"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    )
    assert changed.status_code == 204
    assert (await ann.post(RENEW, headers=token)).status_code == 401
    token = await bearer(ann, password=NEW_PASSWORD)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE api_users SET disabled_at = now()"))
    refused = await ann.post(RENEW, headers=token)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    "change", ["credentials_version = credentials_version + 1", "disabled_at = now()"]
)
async def test_a_renewal_does_not_wait_for_the_announcement_of_a_change(
    ann: httpx.AsyncClient, engine: AsyncEngine, change: str
) -> None:
    token = await bearer(ann)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE api_users DISABLE TRIGGER announce_api_user"))
    await until_remembered(ann, engine, token)
    narrow = await renewed(ann, token)
    claims = jwt.decode(narrow["Authorization"].split()[1], options={"verify_signature": False})
    assert claims["scope"] == ""
    async with engine.begin() as connection:
        await connection.execute(text(f"UPDATE api_users SET {change}"))
    assert (await ann.get(ME, headers=token)).status_code == 200, "nothing was announced"
    refused = await ann.post(RENEW, headers=token)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")


async def until_remembered(
    client: httpx.AsyncClient, engine: AsyncEngine, token: dict[str, str]
) -> None:
    """Until the API no longer asks the database for the account, whose scopes are taken away."""
    deadline = asyncio.get_running_loop().time() + 100
    while not (await client.get("/health")).json()["hears_account_changes"]:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)
    await client.get(ME, headers=token)
    await grant(engine, [])
    me = (await client.get(ME, headers=token)).json()
    assert me["granted_scopes"] == ["stats:read"], "it was asked anew"


async def test_only_a_token_is_renewed(ann: httpx.AsyncClient) -> None:
    by_password = await ann.post(RENEW, auth=("ann", PASSWORD))
    assert (by_password.status_code, by_password.json()["code"]) == (400, "not_renewable")
    assert (await ann.post(RENEW)).status_code == 401
