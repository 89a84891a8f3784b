"""Admins manage the accounts of others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.running import StartApi, bearer, register
from tests.api.scopes import grant


@pytest.fixture
async def admin(start_api: StartApi, engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with start_api().client() as client:
        await register(client)
        await grant(engine, ["stats:read", "admin"])
        client.headers.update(await bearer(client))
        yield client


async def test_admins_manage_accounts(admin: httpx.AsyncClient) -> None:
    bob = (await register(admin, "bob")).json()["id"]
    token = await bearer(admin, "bob")
    listed = (await admin.get("/api/v1/admin/accounts")).json()["accounts"]
    assert [account["username"] for account in listed] == ["ann", "bob"]
    assert (await admin.get("/api/v1/admin/accounts", headers=token)).status_code == 403
    granted = await admin.put(
        f"/api/v1/admin/accounts/{bob}/scopes", json={"scopes": ["stats:read", "names:read"]}
    )
    assert granted.json()["scopes"] == ["names:read", "stats:read"]
    disabled = await admin.post(f"/api/v1/admin/accounts/{bob}/disable")
    assert disabled.json()["disabled_at"]
    assert (await admin.get("/api/v1/auth/me", headers=token)).status_code == 401
    await admin.post(f"/api/v1/admin/accounts/{bob}/enable")
    assert (await admin.get("/api/v1/auth/me", headers=token)).status_code == 200
    assert (await admin.post("/api/v1/admin/accounts/999/enable")).status_code == 404
    wrong = await admin.put(f"/api/v1/admin/accounts/{bob}/scopes", json={"scopes": ["root"]})
    assert wrong.status_code == 422


async def test_an_admin_cannot_lock_the_door_from_inside(
    admin: httpx.AsyncClient,
) -> None:
    own = (await admin.get("/api/v1/auth/me")).json()["id"]
    for answer in (
        await admin.post(f"/api/v1/admin/accounts/{own}/disable"),
        await admin.put(f"/api/v1/admin/accounts/{own}/scopes", json={"scopes": ["stats:read"]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "self_change")
