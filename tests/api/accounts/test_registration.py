from __future__ import annotations

import json

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.accounts.passwords import check_policy
from tests.api.constants import NEW_PASSWORD
from tests.api.running import ADMIN_TOKEN, PASSWORD, StartApi, bearer, register


async def test_the_admin_token_makes_an_account_that_basic_and_bearer_open(
    client: httpx.AsyncClient,
) -> None:
    made = await register(client)
    assert made.status_code == 201
    assert made.json()["scopes"] == ["stats:read"]
    assert "password" not in made.text
    basic = await client.get("/api/v1/auth/me", auth=("ann", PASSWORD))
    assert basic.json()["method"] == "basic"
    token = await client.get("/api/v1/auth/me", headers=await bearer(client))
    assert token.json()["method"] == "bearer"
    assert token.json()["username"] == "ann"


async def test_a_wrong_admin_token_is_403_and_makes_nothing(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    for wrong in ("", "wrong", ADMIN_TOKEN + "x", "токен", "\x00", "🦊" * 1000):
        refused = await client.post(
            "/api/v1/auth/register",
            json={"username": "ann", "password": PASSWORD, "admin_token": wrong},
        )
        assert refused.status_code == 403
        assert refused.json()["code"] == "wrong_admin_token"
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM api_users")) == 0


async def test_registration_is_closed_without_the_setting(start_api: StartApi) -> None:
    closed = start_api(admin_registration_token=None)
    async with closed.client() as client:
        assert (await register(client)).status_code == 403


async def test_a_username_is_taken_in_every_spelling(client: httpx.AsyncClient) -> None:
    assert (await register(client, "Ann")).status_code == 201
    for spelling in ("ann", "ANN", "\uff21nn"):  # the last A is a full-width one
        taken = await register(client, spelling)
        assert (taken.status_code, taken.json()["code"]) == (400, "username_taken")
    assert (await client.get("/api/v1/auth/me", auth=("aNN", PASSWORD))).status_code == 200


async def test_the_password_is_stored_hashed(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await register(client)
    async with engine.connect() as connection:
        stored = str(await connection.scalar(text("SELECT password_hash FROM api_users")))
    assert stored.startswith("$bcrypt-sha256$")
    assert PASSWORD not in stored


async def test_weak_passwords_are_refused_by_name_of_the_rule(client: httpx.AsyncClient) -> None:
    for weak in (
        *("short", "aaaaaaaaaaaa", "my name is ANN ok", "x" * 1000),
        *("password123", "1q2w3e4r5t", "Qwertyuiop", "ILOVEYOU2024!", "dragondragon"),
        *("123football", "\uff50assword123"),
    ):
        refused = await register(client, password=weak)
        assert (refused.status_code, refused.json()["code"]) == (400, "weak_password"), weak


def test_a_common_word_inside_a_password_is_no_reason_to_refuse_it() -> None:
    for strong in ("love-4f9a1c77e0", "correct horse battery", "9283475love2839471"):
        check_policy(strong, username="ann")


async def test_bad_usernames_and_unknown_fields_are_422(client: httpx.AsyncClient) -> None:
    for name in ("ab", "a" * 65, "with space", "with:colon", "", "a\x00bc", "né\ud800e"):
        body = {"username": name, "password": PASSWORD, "admin_token": ADMIN_TOKEN}
        refused = await client.post(
            "/api/v1/auth/register",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        assert refused.status_code == 422, name
        assert refused.json()["details"]
    extra = await client.post(
        "/api/v1/auth/register",
        json={
            "username": "ann",
            "password": PASSWORD,
            "admin_token": ADMIN_TOKEN,
            "scopes": ["admin"],
        },
    )
    assert extra.status_code == 422
    assert extra.json()["details"] == [
        {
            "where": ["body", "scopes"],
            "problem": "unknown; permitted: username, password, admin_token, invitation",
        }
    ]


async def test_a_changed_password_ends_the_old_one_and_its_tokens_at_once(
    client: httpx.AsyncClient,
) -> None:
    await register(client)
    token = await bearer(client)
    assert (await client.get("/api/v1/auth/me", auth=("ann", PASSWORD))).status_code == 200
    changed = await client.post(
        "/api/v1/auth/password",
        headers=token,
        json={"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    )
    assert changed.status_code == 204
    assert (await client.get("/api/v1/auth/me", auth=("ann", PASSWORD))).status_code == 401
    assert (await client.get("/api/v1/auth/me", headers=token)).status_code == 401
    new = await client.get("/api/v1/auth/me", auth=("ann", NEW_PASSWORD))
    assert new.status_code == 200


async def test_a_password_change_needs_the_current_one(client: httpx.AsyncClient) -> None:
    await register(client)
    refused = await client.post(
        "/api/v1/auth/password",
        headers=await bearer(client),
        json={"current_password": "not this one at all", "new_password": NEW_PASSWORD},
    )
    assert refused.status_code == 401


async def test_an_outdated_hash_is_renewed_at_login(
    start_api: StartApi, engine: AsyncEngine
) -> None:
    cheap = start_api(password_hash_cost=4)
    async with cheap.client() as client:
        await register(client)
    dearer = start_api(password_hash_cost=5)
    async with dearer.client() as client:
        token = await bearer(client)
        async with engine.connect() as connection:
            stored = str(await connection.scalar(text("SELECT password_hash FROM api_users")))
        assert ",r=5$" in stored
        assert (await client.get("/api/v1/auth/me", headers=token)).status_code == 200
        assert (await client.get("/api/v1/auth/me", auth=("ann", PASSWORD))).status_code == 200
