"""The audit trail: what is in it, who may read it, and that nothing changes it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.audit.events import AuditKind, Origin
from api.audit.trail import HOUR_SECONDS, MAX_KEYS_PER_HOUR, WINDOW_SECONDS, AuditTrail
from common.postgres import Sessions
from common.settings import DatabaseSettings
from common.tables.changed_settings import digest_settings, record_changed_settings
from tests.api.constants import ADMIN_TOKEN, ME, NEW_PASSWORD, STATS
from tests.api.people.people import add_person
from tests.api.running import PASSWORD, PROJECT, StartApi, api_settings, bearer, register
from tests.api.scopes import grant

AUDIT = "/api/v1/admin/audit"
EVERYTHING = ["stats:read", "names:read", "texts:read", "admin"]


@pytest.fixture
async def admin(start_week: StartApi, engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with start_week().client() as client:
        await register(client)
        await grant(engine, EVERYTHING)
        client.headers.update(await bearer(client))
        yield client


async def events(client: httpx.AsyncClient, **arguments: Any) -> list[dict[str, Any]]:
    answer = await client.get(AUDIT, params=arguments)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def counted(client: httpx.AsyncClient, kind: AuditKind, *, times: int) -> dict[str, Any]:
    """The events of a kind once so many are written, all of one actor and address."""
    deadline = time.monotonic() + 60
    while True:
        found = await events(client, what=kind.value)
        if sum(event["occurrences"] for event in found) == times:
            return found[0]
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


async def test_what_an_account_does_is_in_the_trail_with_who_and_from_where(
    admin: httpx.AsyncClient, sessions: Sessions
) -> None:
    await add_person(sessions, telegram_id=1, first_name="Zoë")
    bob = (await register(admin, "bob")).json()["id"]
    changed = await admin.put(
        f"/api/v1/admin/accounts/{bob}/scopes", json={"scopes": ["stats:read", "names:read"]}
    )
    await admin.post(f"/api/v1/admin/accounts/{bob}/disable")
    await admin.post(f"/api/v1/admin/accounts/{bob}/enable")
    password = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    moved = await admin.post("/api/v1/auth/password", json=password, auth=("bob", PASSWORD))
    assert moved.status_code == 204
    export = await admin.get(f"{STATS}/dialogs", params={"format": "csv"})
    await admin.get(f"{STATS}/users/top")
    await admin.get(f"{STATS}/users/top")
    found = await events(admin)
    by_kind = {event["kind"]: event for event in reversed(found)}
    scopes = by_kind["scopes_changed"]
    assert (scopes["actor"], scopes["address"]) == ("ann", "127.0.0.1")
    assert scopes["request_id"] == changed.headers["x-request-id"]
    assert scopes["details"] == {
        "account_id": bob, "before": ["stats:read"], "after": ["names:read", "stats:read"],
    }  # fmt: skip
    assert (by_kind["password_changed"]["actor"], by_kind["password_changed"]["actor_id"]) == (
        "bob", bob,
    )  # fmt: skip
    assert by_kind["registered"]["actor"] == "bob"
    assert by_kind["login"]["details"]["method"] in {"password", "basic"}
    assert {"account_disabled", "account_enabled"} <= set(by_kind)
    assert by_kind["export"]["request_id"] == export.headers["x-request-id"]
    assert by_kind["export"]["details"]["report"] == "dialogs"
    # Each name once per report and hour, however often a page asks.
    names = [event["details"] for event in found if event["kind"] == "names_read"]
    assert names == [
        {"report": "users_top", "user_keys": [1]}, {"report": "dialogs", "user_keys": [1]},
    ]  # fmt: skip
    assert [event["id"] for event in found] == sorted((e["id"] for e in found), reverse=True)


async def test_failures_are_counted_by_name_and_address_and_hold_no_secret(
    admin: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    name = "nobody\0" + "\ud800" + "x" * 200
    with capture_logs() as logs:
        for _ in range(3):
            wrong = {"username": name.encode("utf-8", "surrogatepass"), "password": "hunter2222"}
            answer = await admin.post("/api/v1/auth/token", data=wrong)
            assert answer.status_code in {401, 422}
        for _ in range(4):
            await admin.get(ME, auth=("mallory", "hunter2222"))
        stranger = {"username": "eve-l", "password": PASSWORD, "admin_token": f"{ADMIN_TOKEN}!"}
        await admin.post("/api/v1/auth/register", json=stranger)
        failed = await counted(admin, AuditKind.REGISTRATION_FAILED, times=1)
        assert (failed["actor"], failed["actor_id"]) == ("eve-l", None)
        assert failed["details"] == {"reason": "wrong_admin_token"}
        for wrong in (
            {"admin_token": ADMIN_TOKEN, "password": "hunter2222"},
            {"invitation": "hunter-code"},
            {"admin_token": ADMIN_TOKEN, "username": "ann"},
        ):
            body = {"username": "eve-l", "password": PASSWORD, **wrong}
            await admin.post("/api/v1/auth/register", json=body)
        await counted(admin, AuditKind.REGISTRATION_FAILED, times=4)
        refused = await events(admin, what="registration_failed", who="eve-l")
        assert {event["details"]["reason"] for event in refused} == {
            "wrong_admin_token", "weak_password", "invitation_unknown",
        }  # fmt: skip
        [taken] = await events(admin, what="registration_failed", who="ann")
        assert taken["details"] == {"reason": "username_taken"}
        deadline = time.monotonic() + 60
        while not (found := await events(admin, who="Mallory", what="login_failed")):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    assert found[-1]["details"] == {"reason": "invalid_credentials"}
    assert (found[-1]["actor"], found[-1]["address"]) == ("mallory", "127.0.0.1")
    async with engine.connect() as connection:
        rows = (await connection.execute(text("SELECT * FROM audit_events"))).all()
    assert "hunter" not in str(rows)
    assert max(len(str(row.actor)) for row in rows) <= 64
    # A name that was given may be a password in the wrong field: not in the log.
    assert "mallory" not in json.dumps(logs, default=str)
    assert {"event", "kind", "event_id", "actor_id"} <= {
        key for line in logs if line["event"] == "audit" for key in line
    }


async def test_filters_pages_and_csv_agree(admin: httpx.AsyncClient, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO audit_events (occurred_at, kind, actor, details)"
                " SELECT timestamptz '2026-01-01' + n * interval '1 hour', 'login', '=1+1', '{}'"
                " FROM generate_series(1, 120) AS n"
            )
        )
    span = {"since": "2026-01-02T00:00:00", "until": "2026-01-02T12:00:00+02:00", "what": "login"}
    found = await events(admin, **span)
    assert [event["occurred_at"] for event in found] == [
        f"2026-01-02T{hour:02}:00:00Z" for hour in range(9, -1, -1)
    ]
    assert await events(admin, who="=1+1", what="login_failed") == []
    seen: list[int] = []
    before: int | None = None
    while True:
        arguments = {"who": "=1+1", "limit": 50, **({"before": before} if before else {})}
        page = (await admin.get(AUDIT, params=arguments)).json()
        seen += [event["id"] for event in page["events"]]
        before = page["next_before"]
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 120
    exported = await admin.get(AUDIT, params={"who": "=1+1", "format": "csv"})
    assert exported.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert exported.headers["x-truncated"] == "false"
    rows = list(csv.DictReader(io.StringIO(exported.text, newline="")))
    assert [int(row["id"]) for row in rows] == seen
    assert {row["actor"] for row in rows} == {"'=1+1"}, "a spreadsheet would run it"
    [export] = await events(admin, what="export")
    assert export["details"] == {"report": "audit", "format": "csv"}
    for wrong in (
        {"what": "everything"},
        {"since": "soon"},
        {"until": "9999-12-31T23:59:59-01:00"},
        {"before": "0"},
        {"limit": "501"},
    ):
        assert (await admin.get(AUDIT, params=wrong)).status_code == 422
    assert (await admin.get(f"{AUDIT}?who=a&who=b")).status_code == 422
    assert await events(admin, who="' OR true --\0") == []


async def test_several_kinds_and_one_person_narrow_the_trail(
    admin: httpx.AsyncClient, sessions: Sessions
) -> None:
    trail = AuditTrail(sessions)
    await trail.record(AuditKind.NAMES_READ, report="users_top", user_keys=[6, 7])
    await trail.record(AuditKind.PERSON_BANNED, user_key=7, reason="spam")
    await trail.record(AuditKind.RULE_REMOVED, by_user_key=7, user_key=8)
    await trail.record(AuditKind.RULE_REMOVED, user_key=77, rule_id=7)
    about = [event["kind"] for event in await events(admin, user_key=7)]
    assert about == ["rule_removed", "person_banned", "names_read"]
    both = await events(admin, user_key=7, what=["person_banned", "names_read"])
    assert [event["kind"] for event in both] == ["person_banned", "names_read"]
    assert (await admin.get(f"{AUDIT}?user_key=7&user_key=8")).status_code == 422
    assert (await admin.get(f"{AUDIT}?what=login&what=everything")).status_code == 422
    assert (await admin.get(AUDIT, params={"user_key": 0})).status_code == 422


async def test_only_admins_read_the_trail(admin: httpx.AsyncClient) -> None:
    narrow = await bearer(admin, scope="stats:read names:read texts:read")
    for headers in (narrow, {"Authorization": ""}):
        refused = await admin.get(AUDIT, headers=headers)
        assert refused.status_code in {401, 403}
        assert (await admin.get(f"{AUDIT}?format=csv", headers=headers)).status_code in {401, 403}


async def test_the_database_refuses_every_change_of_the_trail(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    await AuditTrail(sessions).record(AuditKind.LOGIN, method="password")
    for statement in (
        "UPDATE audit_events SET actor = 'somebody else'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "INSERT INTO audit_events (id, kind) OVERRIDING SYSTEM VALUE VALUES (1, 'login')",
    ):
        with pytest.raises(DBAPIError, match=r"append-only|duplicate key"):
            async with engine.begin() as connection:
                await connection.execute(text(statement))


async def test_a_flood_of_failures_writes_few_rows_and_counts_all(
    sessions: Sessions, engine: AsyncEngine
) -> None:
    now = 0.0
    trail = AuditTrail(sessions, clock=lambda: now)

    async def rows_and_occurrences() -> tuple[int, int]:
        async with engine.connect() as connection:
            found = await connection.execute(
                text("SELECT count(*), coalesce(sum(occurrences), 0) FROM audit_events")
            )
            rows, occurrences = found.one()
            return rows, occurrences

    for minute in range(60):
        now = minute * 60.0
        for number in range(500):
            origin = Origin(actor=f"name {minute} {number}", address="192.0.2.1")
            trail.count(AuditKind.LOGIN_FAILED, origin=origin, reason="invalid_credentials")
        await trail.flush()
    rows, _ = await rows_and_occurrences()
    assert rows <= MAX_KEYS_PER_HOUR + HOUR_SECONDS / WINDOW_SECONDS
    # Another kind has room of its own.
    trail.count(AuditKind.REGISTRATION_FAILED, origin=Origin(actor="eve"))
    await trail.close()
    rows, occurrences = await rows_and_occurrences()
    assert occurrences == 60 * 500 + 1
    assert len(trail._repeated) <= MAX_KEYS_PER_HOUR + 2


async def test_a_changed_setting_is_named_and_its_value_is_nowhere(
    database: DatabaseSettings, engine: AsyncEngine, sessions: Sessions
) -> None:
    async def start(**values: Any) -> list[str]:
        settings = api_settings(database, **values)
        digests = digest_settings(
            "api", settings, key_name="DATA_KEY", second_key=settings.data_key.second
        )
        return await record_changed_settings(sessions, digests)

    secret = "a-secret-that-appears-nowhere-in-it"
    assert await start() == []
    assert await start(api_token_secret=secret, api_session_hours=7) == [
        "API_SESSION_HOURS", "API_TOKEN_SECRET",
    ]  # fmt: skip
    both = await asyncio.gather(*(start() for _ in range(3)))
    assert sorted(both) == [[], [], ["API_SESSION_HOURS", "API_TOKEN_SECRET"]], "once for all"
    other = "another-data-key-for-tests-that-is-long"
    old = api_settings(database).data_key.data_key.get_secret_value()
    assert await start(data_key=other, data_key_second=old) == ["DATA_KEY"]
    assert await start(data_key=other) == ["DATA_KEY_SECOND"]
    assert await start() == ["DATA_KEY"]
    async with engine.connect() as connection:
        stored = [
            row
            for table in ("audit_events", "known_settings")
            for row in (await connection.execute(text(f"SELECT * FROM {table}"))).all()
        ]
    assert secret not in str(stored)
    assert other not in str(stored)


async def test_a_started_api_records_what_changed(start_api: StartApi, engine: AsyncEngine) -> None:
    found: list[Any] = []
    for hours in (12, 6):
        start_api(api_session_hours=hours)
        deadline = time.monotonic() + 60
        query = (
            "SELECT 1 FROM known_settings"
            if hours == 12
            else "SELECT details FROM audit_events WHERE kind = 'settings_changed'"
        )
        while True:
            async with engine.connect() as connection:
                found = list((await connection.execute(text(query))).scalars())
            if found:
                break
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
    assert found == [{"service": "api", "names": ["API_SESSION_HOURS"]}]


def test_the_documentation_lists_every_kind() -> None:
    documented = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
    assert [kind for kind in AuditKind if f"`{kind}`" not in documented] == []


async def test_revoked_keys_and_invitations_are_named(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await register(client)
    await grant(engine, ["admin"])
    client.auth = ("ann", PASSWORD)
    for path, body in (
        ("/api/v1/keys", {"label": "board", "scopes": []}),
        ("/api/v1/admin/invitations", {"label": "friends", "kind": "bot"}),
    ):
        made = (await client.post(path, json=body)).json()
        assert (await client.post(f"{path}/{made['id']}/revoke")).status_code == 200
    for kind, label in (("key_revoked", "board"), ("invitation_revoked", "friends")):
        found = (await client.get("/api/v1/admin/audit", params={"what": kind})).json()
        assert [event["details"]["label"] for event in found["events"]] == [label]
