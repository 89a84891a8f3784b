"""Saved views: own and shared ones, what is in the trail, what an address may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.admin.test_audit_trail import events
from tests.api.running import PASSWORD, StartApi, bearer, register
from tests.api.scopes import grant

VIEWS = "/api/v1/views"
BOB = ("bob", PASSWORD)


@pytest.fixture
async def admin(start_api: StartApi, engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """A logged-in admin; `bob` can read statistics."""
    async with start_api().client() as client:
        await register(client)
        await grant(engine, ["stats:read", "admin"])
        await register(client, "bob")
        client.headers.update(await bearer(client))
        yield client


async def save(client: httpx.AsyncClient, name: str, **values: Any) -> httpx.Response:
    return await client.post(VIEWS, json={"name": name, "address": "/?period=month", **values})


async def names(client: httpx.AsyncClient, **options: Any) -> list[str]:
    answer = await client.get(VIEWS, **options)
    assert answer.status_code == 200, answer.text
    return [view["name"] for view in answer.json()["views"]]


async def test_own_views_are_private_until_they_are_shared_which_is_in_the_trail(
    admin: httpx.AsyncClient,
) -> None:
    made = await save(admin, "Failures", address="/turns?f=is,status,failed")
    assert made.status_code == 201, made.text
    view = made.json()
    assert (view["owner"], view["is_own"], view["is_shared"]) == ("ann", True, False)
    assert await names(admin, auth=BOB) == []
    again = await save(admin, "Failures")
    assert (again.status_code, again.json()["code"]) == (400, "view_name_taken")
    body = {"name": "All failures", "address": view["address"], "is_shared": True}
    changed = await admin.put(f"{VIEWS}/{view['id']}", json=body)
    assert changed.status_code == 200, changed.text
    [shared] = (await admin.get(VIEWS, auth=BOB)).json()["views"]
    assert (shared["name"], shared["owner"], shared["is_own"]) == ("All failures", "ann", False)
    [event] = await events(admin, what="view_shared")
    assert event["details"] == {
        "view_id": view["id"],
        "name": "All failures",
        "address": "/turns?f=is,status,failed",
    }


async def test_only_the_owner_changes_a_view_and_admins_delete_shared_ones(
    admin: httpx.AsyncClient,
) -> None:
    async with httpx.AsyncClient(base_url=admin.base_url, auth=BOB) as bob:
        private = (await save(bob, "Mine")).json()["id"]
        shared = (await save(bob, "Ours", is_shared=True)).json()["id"]
        body = {"name": "Taken over", "address": "/"}
        assert (await admin.put(f"{VIEWS}/{shared}", json=body)).status_code == 404
        assert (await admin.delete(f"{VIEWS}/{private}")).status_code == 404
        assert (await admin.delete(f"{VIEWS}/{shared}")).status_code == 204
        assert await names(bob) == ["Mine"]
        assert (await bob.delete(f"{VIEWS}/{private}")).status_code == 204
        [event] = await events(admin, what="view_removed")
        assert (event["actor"], event["details"]["name"]) == ("ann", "Ours")


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a b",
        "",
    ],
)
async def test_an_address_is_a_page_of_this_dashboard(
    admin: httpx.AsyncClient, address: str
) -> None:
    assert (await save(admin, "Elsewhere", address=address)).status_code == 422
