"""Invitations: shown once, listed with their uses, ended by time, number, admins and owners."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.accounts.__main__ import invite_first_admin
from bot.operator.start import record_start
from bot.settings import AccessMode, BillSettings
from bot.telegram.intent import BotIdentity
from common.postgres import Sessions
from tests.api.running import ADMIN_TOKEN, PASSWORD, StartApi, bearer, register
from tests.api.scopes import grant

INVITATIONS = "/api/v1/admin/invitations"


@pytest.fixture
async def admin(start_api: StartApi, engine: AsyncEngine) -> Any:
    """A logged-in admin, of an API whose registration by token is closed."""
    token_holder = start_api()
    async with token_holder.client() as client:
        await register(client)
    await grant(engine, ["stats:read", "admin"])
    async with start_api(admin_registration_token=None).client() as client:
        client.headers.update(await bearer(client))
        yield client


async def invite(client: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    body = {"kind": "account", "label": "friends", **values}
    answer = await client.post(INVITATIONS, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made: dict[str, Any] = answer.json()
    return made


async def reason_of_failure(engine: AsyncEngine) -> str:
    """The reason of the failed registration in the audit trail, once it is written."""
    statement = text(
        "SELECT details ->> 'reason' FROM audit_events WHERE kind = 'registration_failed'"
    )
    deadline = time.monotonic() + 100
    while True:
        async with engine.connect() as connection:
            if found := await connection.scalar(statement):
                return str(found)
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def join(client: httpx.AsyncClient, name: str, code: str) -> httpx.Response:
    body = {"username": name, "password": PASSWORD, "invitation": code}
    return await client.post("/api/v1/auth/register", json=body)


async def listed(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get(INVITATIONS)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["invitations"][0]
    return found


async def test_a_code_registers_as_many_accounts_as_it_has_uses(
    admin: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    made = await invite(admin, scopes=["stats:read", "names:read"], max_uses=3)
    code = made["code"]
    assert code not in (await admin.get(INVITATIONS)).text
    assert (await listed(admin))["state"] == "valid"
    taken = await join(admin, "ann", code)
    assert (taken.status_code, taken.json()["code"]) == (400, "username_taken")
    assert (await listed(admin))["uses"] == 0

    answers = await asyncio.gather(*(join(admin, f"guest{n}", code) for n in range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 5
    assert {tuple(a.json()["scopes"]) for a in answers if a.status_code == 201} == {
        ("names:read", "stats:read")
    }
    assert {a.json()["code"] for a in answers if a.status_code == 403} == {"wrong_invitation"}
    now = await listed(admin)
    assert (now["uses"], now["max_uses"], now["state"]) == (3, 3, "used_up")
    trail = (await admin.get("/api/v1/admin/audit", params={"what": "registered"})).json()
    assert [event["details"].get("invitation_id") for event in trail["events"]] == [
        *[made["id"]] * 3,
        None,
    ]
    created = await admin.get("/api/v1/admin/audit", params={"what": "invitation_created"})
    assert [event["actor"] for event in created.json()["events"]] == ["ann"]
    assert code not in created.text
    async with engine.connect() as connection:
        stored = await connection.scalar(text("SELECT i::text FROM invitations AS i"))
    assert code not in str(stored)


async def test_an_invitation_to_the_bot_comes_with_its_link(
    admin: httpx.AsyncClient, sessions: Sessions
) -> None:
    assert (await invite(admin, kind="bot"))["links"] == []
    for bot_id, name in ((7, "older_bot"), (8, "newer_bot")):
        await record_start(
            sessions,
            BotIdentity(bot_id, name),
            limits=BillSettings(),
            has_operator_chat=False,
            access_mode=AccessMode.INVITE,
        )
    made = await invite(admin, kind="bot")
    code = made["code"]
    assert made["links"] == [
        f"https://t.me/newer_bot?start={code}",
        f"https://t.me/older_bot?start={code}",
    ]
    assert made["not_inviting"] == []
    assert (await invite(admin))["links"] == []


async def test_bots_that_take_no_invitations_are_named(
    admin: httpx.AsyncClient, sessions: Sessions, engine: AsyncEngine
) -> None:
    for bot_id, mode in enumerate(AccessMode):
        await record_start(
            sessions,
            BotIdentity(bot_id, f"{mode}_bot"),
            limits=BillSettings(),
            has_operator_chat=False,
            access_mode=mode,
        )
    idle = [
        {"username": "allow-list_bot", "access_mode": "allow-list"},
        {"username": "open_bot", "access_mode": "open"},
    ]
    assert (await invite(admin, kind="bot"))["not_inviting"] == idle
    assert (await invite(admin))["not_inviting"] == []
    assert (await admin.get(INVITATIONS)).json()["not_inviting"] == idle
    # A bot that has not started since says nothing about its access.
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE bots SET access_mode = NULL"))
    assert (await admin.get(INVITATIONS)).json()["not_inviting"] == []


@pytest.mark.parametrize(
    "end", ["expired", "revoked", "disabled", "demoted", "kind", "unknown", "used_up"]
)
async def test_a_code_that_is_not_valid_registers_no_account(
    admin: httpx.AsyncClient, engine: AsyncEngine, end: str
) -> None:
    made = await invite(admin, **({"kind": "bot"} if end == "kind" else {}))
    me = (await admin.get("/api/v1/auth/me")).json()["id"]
    statements = {
        "expired": "UPDATE invitations SET expires_at = now()",
        "unknown": "DELETE FROM invitations",
        "used_up": "UPDATE invitations SET uses = max_uses",
    }
    if end in statements:
        async with engine.begin() as connection:
            await connection.execute(text(statements[end]))
    elif end == "revoked":
        for _ in range(2):
            answer = await admin.post(f"{INVITATIONS}/{made['id']}/revoke")
            assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    elif end in {"disabled", "demoted"}:
        # Another admin does it to the one who invited.
        other = await invite(admin, scopes=["admin"])
        await join(admin, "boss", other["code"])
        made = await invite(admin)
        action = (
            admin.post(f"/api/v1/admin/accounts/{me}/disable", auth=("boss", PASSWORD))
            if end == "disabled"
            else admin.put(
                f"/api/v1/admin/accounts/{me}/scopes",
                json={"scopes": ["stats:read"]},
                auth=("boss", PASSWORD),
            )
        )
        answer = await action
        assert answer.status_code == 200, answer.text

    refused = await join(admin, "guest", made["code"])

    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_invitation")
    if end in {"expired", "revoked"}:
        assert (await listed(admin))["state"] == end
    # The guest is told nothing of this.
    reasons = {"disabled": "revoked", "demoted": "revoked", "kind": "of_other_kind"}
    assert await reason_of_failure(engine) == f"invitation_{reasons.get(end, end)}"


async def test_only_admins_invite_and_a_key_invites_to_the_bot_alone(
    admin: httpx.AsyncClient,
) -> None:
    guest = await invite(admin)
    await join(admin, "guest", guest["code"])
    body = {"kind": "bot", "label": "friends"}
    as_guest = await admin.post(INVITATIONS, json=body, auth=("guest", PASSWORD))
    assert as_guest.status_code == 403
    key = await admin.post("/api/v1/keys", json={"label": "bot", "scopes": ["admin"]})
    holder = {"Authorization": f"Bearer {key.json()['key']}"}
    assert (await admin.post(INVITATIONS, json=body, headers=holder)).status_code == 201
    refused = await admin.post(INVITATIONS, json={**body, "kind": "account"}, headers=holder)
    assert refused.json()["code"] == "key_not_allowed"


async def test_a_registration_needs_a_token_or_an_invitation_and_not_both(
    admin: httpx.AsyncClient,
) -> None:
    made = await invite(admin)
    body = {"username": "guest", "password": PASSWORD}
    both = {**body, "admin_token": ADMIN_TOKEN, "invitation": made["code"]}
    for wrong in (body, both):
        assert (await admin.post("/api/v1/auth/register", json=wrong)).status_code == 422
    scopes = {"kind": "bot", "label": "friends", "scopes": ["admin"]}
    assert (await admin.post(INVITATIONS, json=scopes)).status_code == 422
    # Closed registration stays closed for tokens.
    assert (await register(admin, "guest")).json()["code"] == "wrong_admin_token"
    assert (await join(admin, "guest", made["code"])).status_code == 201


async def test_pages_list_each_invitation_once(admin: httpx.AsyncClient) -> None:
    made = [(await invite(admin, kind="bot"))["id"] for _ in range(3)]
    first = (await admin.get(INVITATIONS, params={"limit": 2})).json()
    rest = {"limit": 2, "before": first["next_before"]}
    second = (await admin.get(INVITATIONS, params=rest)).json()
    found = [row["id"] for page in (first, second) for row in page["invitations"]]
    assert (found, second["next_before"]) == (made[::-1], None)


async def test_the_first_administrator_registers_by_a_link_once(
    client: httpx.AsyncClient, sessions: Sessions
) -> None:
    def code_of(link: str | None) -> str:
        page, _, code = (link or "").partition("#invitation=")
        assert page == "http://127.0.0.1:8000/register"
        return code

    url = "http://127.0.0.1:8000"
    earlier = code_of(await invite_first_admin(sessions, base_url=url))
    code = code_of(await invite_first_admin(sessions, base_url=url))
    answers = [
        await join(client, name, used)
        for name, used in (("eve", earlier), ("ann", code), ("bob", code))
    ]
    assert [answer.status_code for answer in answers] == [403, 201, 403]
    client.headers.update(await bearer(client))
    assert "admin" in (await client.get("/api/v1/auth/me")).json()["scopes"]
    assert (await client.get(INVITATIONS)).status_code == 200
    # There is one now.
    assert await invite_first_admin(sessions, base_url=url) is None
