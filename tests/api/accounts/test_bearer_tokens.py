"""Bearer tokens: rotation, forgery, lifetime, scopes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.accounts.tokens import TokenError, Tokens
from common.settings import DatabaseSettings
from tests.api.constants import ME, SECRET
from tests.api.running import (
    PASSWORD,
    StartApi,
    api_settings,
    bearer,
    register,
)
from tests.api.scopes import grant

NEXT_SECRET = "n" * 64


async def test_tokens_rotate_without_ending_a_session(start_api: StartApi) -> None:
    old = start_api(api_token_secret=SECRET)
    async with old.client() as client:
        await register(client)
        token = await bearer(client)
    rotated = start_api(api_token_secret=NEXT_SECRET, api_token_secret_previous=SECRET)
    async with rotated.client() as client:
        assert (await client.get(ME, headers=token)).status_code == 200
        fresh = await bearer(client)
        first, second = (each["Authorization"].split()[1] for each in (token, fresh))
        kids = [jwt.get_unverified_header(each)["kid"] for each in (first, second)]
        assert kids[0] != kids[1]
    finished = start_api(api_token_secret=NEXT_SECRET)
    async with finished.client() as client:
        assert (await client.get(ME, headers=token)).status_code == 401
        assert (await client.get(ME, headers=fresh)).status_code == 200


async def test_forged_tokens_are_refused(start_api: StartApi) -> None:
    api = start_api(api_token_secret=SECRET)
    async with api.client() as client:
        await register(client)
        token = (await bearer(client))["Authorization"].split()[1]
        claims = jwt.decode(token, options={"verify_signature": False})
        kid = jwt.get_unverified_header(token)["kid"]
        good = {"key": SECRET, "algorithm": "HS256", "headers": {"kid": kid}}
        forged = [
            jwt.encode(claims, None, algorithm="none", headers={"kid": kid}),
            jwt.encode(claims, SECRET, algorithm="HS512", headers={"kid": kid}),
            jwt.encode(claims, NEXT_SECRET, algorithm="HS256", headers={"kid": kid}),
            jwt.encode(claims, SECRET, algorithm="HS256"),
            jwt.encode({**claims, "aud": "another"}, **good),
            jwt.encode({**claims, "iss": "another"}, **good),
            jwt.encode({**claims, "exp": claims["iat"] + 7 * 86400}, **good),
            jwt.encode({**claims, "sub": "999999"}, **good),
            jwt.encode({**claims, "ver": 7}, **good),
            *(
                jwt.encode({k: v for k, v in claims.items() if k != missing}, **good)
                for missing in ("exp", "iat", "iss", "aud", "sub", "ver", "scope", "auth_time")
            ),
            token + "x",
            "a.b.c",
            "é",
        ]
        for each in forged:
            headers = {"Authorization": f"Bearer {each}".encode()}
            answer = await client.get(ME, headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 401, each
        assert (
            await client.get(ME, headers={"Authorization": f"bearer {token}"})
        ).status_code == 200


def test_a_token_ends_after_its_minutes() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    tokens = Tokens(
        SECRET,
        previous=None,
        lifetime=timedelta(minutes=15),
        session=timedelta(hours=12),
        clock=lambda: now,
    )
    token = tokens.issue(1, credentials_version=1, scopes={"stats:read"}, client="").token
    now += timedelta(minutes=14, seconds=59)
    assert tokens.read(token).account_id == 1
    now += timedelta(seconds=1)
    with pytest.raises(TokenError) as expired:
        tokens.read(token)
    assert expired.value.is_expired


def test_secrets_are_long_and_lifetimes_short(database: DatabaseSettings) -> None:
    for wrong in (
        {"api_token_secret": "too short"},
        {"api_token_secret_previous": "too short"},
        {"api_token_minutes": 16},
        {"api_session_hours": 24 * 7 + 1},
        {"environment": "production"},
    ):
        with pytest.raises(ValueError, match=r"API_TOKEN_SECRET|32 bytes|15|168"):
            api_settings(database, **wrong)


async def test_a_token_may_ask_for_fewer_scopes_never_for_more(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await register(client)
    await grant(engine, ["stats:read", "admin"])
    narrow = await bearer(client, scope="stats:read")
    assert (await client.get(ME, headers=narrow)).json()["granted_scopes"] == ["stats:read"]
    assert (await client.get("/api/v1/admin/accounts", headers=narrow)).status_code == 403
    more = await client.post(
        "/api/v1/auth/token",
        data={"username": "ann", "password": PASSWORD, "scope": "texts:read"},
    )
    assert (more.status_code, more.json()["code"]) == (400, "invalid_scope")
