"""API keys: shown once, stored as a digest, limited, and ended within a second."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.accounts.keys.store import MAX_KEYS
from tests.api.constants import ME, NEW_PASSWORD
from tests.api.running import PASSWORD, StartApi, bearer, register
from tests.api.scopes import grant, until_granted

KEYS = "/api/v1/keys"
ADMIN_KEYS = "/api/v1/admin/keys"
NOTE = """
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO uses VALUES (now()); RETURN NEW; END $$
"""


@pytest.fixture
async def ann(client: httpx.AsyncClient, engine: AsyncEngine) -> httpx.AsyncClient:
    """A logged-in account with the scopes of an analyst."""
    await register(client)
    await grant(engine, ["stats:read", "names:read"])
    client.headers.update(await bearer(client))
    return client


async def create(client: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    answer = await client.post(KEYS, json={"label": "grafana", "scopes": ["stats:read"], **values})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def holding(key: dict[str, Any] | str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key if isinstance(key, str) else key['key']}"}


async def until_listening(client: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + 100
    while not (await client.get("/health")).json()["hears_account_changes"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def until_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    # Nothing but the announcement ever drops what is kept, so this only bounds the waiting.
    deadline = time.monotonic() + 100
    while (await client.get(ME, headers=headers)).status_code != 401:
        assert time.monotonic() < deadline, "the change was not heard"
        await asyncio.sleep(0.01)


async def test_a_key_is_shown_once_and_stored_as_its_digest(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    with capture_logs() as logs:
        key = await create(ann)
        me = await ann.get(ME, headers=holding(key))
        assert (await ann.get(ME, headers=holding(key["key"] + "x"))).status_code == 401
        in_the_address = await ann.get(f"{ME}?key={key['key']}", headers={"Authorization": ""})
        assert in_the_address.status_code == 401
        assert key["key"] not in in_the_address.text
    assert me.json()["method"] == "key"
    assert me.json()["granted_scopes"] == ["stats:read"]
    listed = (await ann.get(KEYS)).json()["keys"]
    assert [each["id"] for each in listed] == [key["id"]]
    assert key["key"].startswith("dly_")
    assert key["key"].startswith(listed[0]["beginning"])
    assert len(listed[0]["beginning"]) <= 10
    async with engine.connect() as connection:
        stored = [
            (await connection.execute(text(f"SELECT * FROM {table}"))).all()
            for table in ("api_keys", "audit_events")
        ]
    secret = key["key"].removeprefix("dly_")[6:]
    for place in (stored, logs, listed, (await ann.get("/metrics")).text):
        assert secret not in str(place)


async def test_a_key_has_no_more_scopes_than_its_account_now(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    body = {"label": "more", "scopes": ["admin"]}
    refused = await ann.post(KEYS, json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    # Not of the account but of the request: a narrow token makes no wide key.
    narrow = await bearer(ann, scope="stats:read")
    wide = {"label": "more", "scopes": ["names:read"]}
    assert (await ann.post(KEYS, json=wide, headers=narrow)).status_code == 403
    key = await create(ann, scopes=["stats:read", "names:read"])
    await grant(engine, ["stats:read"])
    await until_granted(ann, ["stats:read"], headers=holding(key))


async def test_a_key_cannot_log_in_make_keys_or_change_the_password(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await grant(engine, ["stats:read", "admin"])
    ann.headers.update(await bearer(ann))
    key = await create(ann, scopes=["stats:read", "admin"])
    own = (await ann.get(ME)).json()["id"]
    password = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    for path, body in (
        (KEYS, {"label": "longer", "scopes": ["admin"], "expires_in_days": 3650}),
        (f"{KEYS}/{key['id']}/revoke", None),
        ("/api/v1/auth/password", password),
        ("/api/v1/auth/renew", None),
    ):
        answer = await ann.post(path, json=body, headers=holding(key))
        assert answer.status_code in {400, 403}, path
        assert answer.json()["code"] in {"key_not_allowed", "not_renewable"}
    assert (await ann.get(KEYS, headers=holding(key))).status_code == 403
    assert (await ann.get("/api/v1/admin/accounts", headers=holding(key))).status_code == 200
    assert own


@pytest.mark.parametrize("how", ["revoked", "revoked by an admin", "disabled", "expired"])
async def test_a_key_ends_within_a_second_in_every_process(
    ann: httpx.AsyncClient, start_api: StartApi, engine: AsyncEngine, how: str
) -> None:
    key = await create(ann)
    other = start_api()
    async with other.client() as elsewhere:
        await until_listening(elsewhere)
        for client in (ann, elsewhere):
            assert (await client.get(ME, headers=holding(key))).status_code == 200
        match how:
            case "revoked":
                ended = await ann.post(f"{KEYS}/{key['id']}/revoke")
                assert ended.json()["revoked_at"]
            case "revoked by an admin":
                await grant(engine, ["stats:read", "admin"])
                await until_granted(ann, ["stats:read", "admin"], auth=("ann", PASSWORD))
                admin = await bearer(ann)
                ended = await ann.post(f"{ADMIN_KEYS}/{key['id']}/revoke", headers=admin)
                assert ended.status_code == 200
                listed = (await ann.get(ADMIN_KEYS, headers=admin)).json()["keys"]
                assert [(each["username"], bool(each["revoked_at"])) for each in listed] == [
                    ("ann", True)
                ]
            case "disabled":
                async with engine.begin() as connection:
                    await connection.execute(text("UPDATE api_users SET disabled_at = now()"))
            case "expired":
                async with engine.begin() as connection:
                    await connection.execute(
                        text("UPDATE api_keys SET expires_at = now() - interval '1 s'")
                    )
        if how.startswith("revoked"):
            assert (await ann.get(ME, headers=holding(key))).status_code == 401
        await until_refused(elsewhere, holding(key))


async def test_only_the_owner_revokes_a_key(ann: httpx.AsyncClient) -> None:
    key = await create(ann)
    await register(ann, "bob")
    bob = await bearer(ann, "bob")
    refused = await ann.post(f"{KEYS}/{key['id']}/revoke", headers=bob)
    assert refused.status_code == 404
    assert (await ann.post(f"{ADMIN_KEYS}/{key['id']}/revoke", headers=bob)).status_code == 403
    assert (await ann.get(KEYS, headers=bob)).json() == {"keys": []}
    assert (await ann.get(ME, headers=holding(key))).status_code == 200


async def test_a_key_expires(start_api: StartApi) -> None:
    now = datetime.now(UTC)
    api = start_api(create={"clock": lambda: now})
    async with api.client() as client:
        await register(client)
        key = await create_by_password(client, expires_in_days=1)
        assert (await client.get(ME, headers=holding(key))).status_code == 200
        now += timedelta(days=1, minutes=1)
        assert (await client.get(ME, headers=holding(key))).status_code == 401


async def create_by_password(client: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    body = {"label": "script", "scopes": ["stats:read"], **values}
    answer = await client.post(KEYS, json=body, auth=("ann", PASSWORD))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_key_has_a_limit_of_its_own_but_none_makes_an_account_wider(
    start_api: StartApi, engine: AsyncEngine
) -> None:
    api = start_api(stats_api_rate_limit="12/minute")
    async with api.client() as client:
        await register(client)
        basic = httpx.BasicAuth("ann", PASSWORD)
        narrow = await create_by_password(client, rate_limit="2/minute")
        refused = await client.post(
            KEYS, json={"label": "a", "scopes": [], "rate_limit": "13/minute"}, auth=basic
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
        answers = [await client.get(ME, headers=holding(narrow)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0].headers["x-ratelimit-limit"] == "2"
        assert int(answers[2].headers["retry-after"]) > 0
        # Two requests by Basic and two of the key: they share the account's window.
        assert (await client.get(ME, auth=basic)).headers["x-ratelimit-remaining"] == "7"
        # Keys without a limit count as the account does.
        plain = await create_by_password(client)
        for _ in range(6):
            assert (await client.get(ME, headers=holding(plain))).status_code == 200
        assert (await client.get(ME, headers=holding(plain))).status_code == 429
        assert (await client.get(ME, auth=basic)).status_code == 429
    api = start_api(stats_api_rate_limit="5/minute")
    async with api.client() as client:
        await grant(engine, ["stats:read", "admin"])
        wide = await create_by_password(client, rate_limit="50/minute")
        assert wide["rate_limit"] == "50/minute"
        answers = [await client.get(ME, headers=holding(wide)) for _ in range(8)]
        assert {answer.status_code for answer in answers} == {200}


async def test_the_last_use_is_written_at_most_once_a_minute_and_drops_no_cache(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    key = await create(ann)
    async with engine.begin() as connection:
        for statement in (
            "CREATE TABLE uses (used_at timestamptz)",
            NOTE,
            "CREATE TRIGGER note AFTER UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION note()",
        ):
            await connection.execute(text(statement))
    for _ in range(20):
        assert (await ann.get(ME, headers=holding(key))).status_code == 200
    deadline = time.monotonic() + 100
    while not (used := (await ann.get(KEYS)).json()["keys"][0]["last_used_at"]):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert abs(datetime.fromisoformat(used) - datetime.now(UTC)) < timedelta(minutes=2)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM uses")) == 1


async def test_garbage_is_refused_like_a_wrong_key(ann: httpx.AsyncClient) -> None:
    answers = [
        await ann.get(ME, headers={"Authorization": value})
        for value in (
            b"Bearer dly_", b"Bearer dly_" + b"A" * 43, b"Bearer dly_" + b"A" * 4_000,
            b"Bearer dly_\xff\xfe", b"bearer  dly_" + b"-" * 43,
            b"Bearer dly_" + b"%00" * 14 + b"A",
        )
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["code"] for answer in answers}) == 1


async def test_guessed_keys_are_limited_and_counted_in_the_trail(
    start_api: StartApi, engine: AsyncEngine
) -> None:
    api = start_api(login_failures_per_address="3/minute")
    async with api.client() as client:
        await register(client)
        key = await create_by_password(client)
        assert (await client.get(ME, headers=holding(key))).status_code == 200
        guesses = [
            (await client.get(ME, headers=holding(f"dly_{n:043}"))).status_code for n in range(5)
        ]
        assert guesses == [401, 401, 401, 429, 429]
        # A key that is known is no guess.
        assert (await client.get(ME, headers=holding(key))).status_code == 200
    deadline = time.monotonic() + 100
    query = text(
        "SELECT details->>'reason', sum(occurrences) FROM audit_events"
        " WHERE kind = 'login_failed' GROUP BY 1"
    )
    while True:
        async with engine.connect() as connection:
            found = {row[0]: row[1] for row in (await connection.execute(query)).all()}
        # The first of each kind at once, those after the first write ten minutes later.
        if found.keys() == {"invalid_key", "too_many_failures"}:
            assert found["invalid_key"] <= 3
            assert found["too_many_failures"] <= 2
            return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_an_account_has_so_many_keys_and_no_more_also_at_once(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO api_keys (account_id, label, beginning, digest, scopes, expires_at)"
                " SELECT id, 'x', 'dly_', n::text::bytea, '{}', now() + interval '1 day'"
                " FROM api_users, generate_series(1, :n) AS n"
            ),
            {"n": MAX_KEYS - 1},
        )
    body = {"label": "last", "scopes": []}
    answers = await asyncio.gather(*(ann.post(KEYS, json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400]
    for wrong in (
        {"scopes": ["root"]}, {"label": ""}, {"label": "x" * 65}, {"label": "a\0"},
        {"expires_in_days": 0}, {"expires_in_days": 100_000}, {"rate_limit": "0/minute"},
        {"rate_limit": "often"}, {"rate_limit": "1/1000000 year"}, {"key": "dly_mine"},
    ):  # fmt: skip
        answer = await ann.post(KEYS, json={"label": "wrong", "scopes": [], **wrong})
        assert answer.status_code == 422, wrong


async def test_admins_hold_the_scope_of_people_everywhere(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await grant(engine, ["admin"])
    ann.headers.update(await bearer(ann))
    me = (await ann.get(ME)).json()
    assert me["scopes"] == me["granted_scopes"] == ["admin", "people:manage"]
    key = holding(await create(ann, scopes=["people:manage"]))
    assert (await ann.get(ME, headers=key)).json()["granted_scopes"] == ["people:manage"]
    assert (await ann.get("/api/v1/admin/rules", headers=key)).status_code == 200
    assert (await ann.get("/api/v1/admin/audit", headers=key)).status_code == 403
