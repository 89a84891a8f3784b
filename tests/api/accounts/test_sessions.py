"""Sessions of the dashboard and resets of passwords, under attack."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.accounts.__main__ import issue_reset, log_out
from common.errors import StartupError
from common.postgres import Sessions
from tests.api.accounts.test_api_keys import until_listening, until_refused
from tests.api.constants import ME, NEW_PASSWORD
from tests.api.running import PASSWORD, RunningApi, StartApi, basic, bearer, register
from tests.api.scopes import grant

SESSION = "/api/v1/auth/session"
LISTED = "/api/v1/auth/sessions"
RESET = "/api/v1/auth/reset"
LOGIN = {"username": "ann", "password": PASSWORD}


async def log_in(client: httpx.AsyncClient, **headers: str) -> str:
    """The secret of a new session. The client keeps no cookie of it."""
    answer = await client.post(SESSION, json=LOGIN, headers=headers)
    assert answer.status_code == 201, answer.text
    client.cookies.clear()
    found = re.match(r"(__Host-)?dialytics_session=([^;]+);", answer.headers["set-cookie"])
    assert found
    return found[2]


def having(secret: str, name: str = "dialytics_session") -> dict[str, str]:
    return {"Cookie": f"{name}={secret}"}


async def until_ended(client: httpx.AsyncClient, secret: str) -> None:
    deadline = time.monotonic() + 100
    while (await client.get(ME, headers=having(secret))).status_code != 401:
        assert time.monotonic() < deadline, "the end was not heard"
        await asyncio.sleep(0.01)


@pytest.fixture
async def ann(api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client() as client:
        await register(client)
        yield client


async def test_a_session_is_a_cookie_that_no_script_reads_and_no_table_holds(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    with capture_logs() as logs:
        opened = await ann.post(SESSION, json=LOGIN, headers={"User-Agent": "a\ttab" + "x" * 900})
        cookie = opened.headers["set-cookie"]
        assert cookie.endswith("; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict")
        assert opened.headers["cache-control"] == "no-store"
        # All tabs share it: the client sends it by itself.
        me = (await ann.get(ME)).json()
    assert (me["method"], me["username"]) == ("session", "ann")
    secret = ann.cookies["dialytics_session"]
    assert secret not in opened.text
    [listed] = (await ann.get(LISTED)).json()["sessions"]
    assert (listed["is_current"], listed["address"]) == (True, "127.0.0.1")
    assert len(listed["user_agent"]) <= 200
    async with engine.connect() as connection:
        stored = [
            (await connection.execute(text(f"SELECT * FROM {table}"))).all()
            for table in ("api_sessions", "audit_events")
        ]
    for place in (stored, logs, listed, (await ann.get("/metrics")).text):
        assert secret.removeprefix("dls_") not in str(place)


async def test_a_page_that_was_just_opened_learns_who_is_logged_in(ann: httpx.AsyncClient) -> None:
    nobody = await ann.get(SESSION)
    assert (nobody.status_code, nobody.json()) == (200, {"account": None})
    assert nobody.headers["cache-control"] == "no-store"
    cookie = having(await log_in(ann))
    account = (await ann.get(SESSION, headers=cookie)).json()["account"]
    assert (account["username"], account["scopes"]) == ("ann", ["stats:read"])
    [listed] = (await ann.get(LISTED, headers=cookie)).json()["sessions"]
    assert account["session_id"] == listed["id"]
    assert (await ann.get(SESSION, headers=having("dls_" + "A" * 43))).status_code == 401


async def test_scripts_of_pages_are_shown_no_login_dialog(ann: httpx.AsyncClient) -> None:
    for headers, asks in (({}, True), ({"X-Requested-With": "XMLHttpRequest"}, False)):
        refused = await ann.get(ME, headers=headers)
        assert refused.status_code == 401
        assert ("Basic" in refused.headers["www-authenticate"]) is asks


async def test_over_https_the_cookie_has_the_host_prefix_and_no_other_is_read(
    start_api: StartApi,
) -> None:
    api = start_api(trusted_proxy_hops=1)
    https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    async with api.client() as client:
        await register(client)
        answer = await client.post(SESSION, json=LOGIN, headers=https)
        client.cookies.clear()
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-dialytics_session=dls_")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")
        secret = cookie.partition("=")[2].partition(";")[0]
        host = having(secret, "__Host-dialytics_session")
        assert (await client.get(ME, headers={**https, **host})).status_code == 200
        # A page of a neighbouring host could have set the one without the prefix.
        assert (await client.get(ME, headers={**https, **having(secret)})).status_code == 401
        assert (await client.get(ME, headers=host)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "setting", "base"),
    [
        ({}, None, "http://stats.test"),
        (
            {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"},
            None,
            "https://stats.test",
        ),
        ({}, "https://other.test/", "https://other.test"),
    ],
)
async def test_a_link_that_resets_a_password_leads_to_the_dashboard(
    start_api: StartApi,
    engine: AsyncEngine,
    headers: dict[str, str],
    setting: str | None,
    base: str,
) -> None:
    api = start_api(trusted_proxy_hops=1, **({"dashboard_url": setting} if setting else {}))
    async with api.client(headers={"Host": "stats.test", **headers}) as client:
        me = (await register(client)).json()["id"]
        await grant(engine, ["admin"])
        issued = await client.post(f"/api/v1/admin/accounts/{me}/reset", auth=("ann", PASSWORD))
    # Browsers send the part behind # to no server.
    assert issued.json()["link"] == f"{base}/reset#token={issued.json()['token']}"


async def test_a_change_with_a_cookie_needs_an_own_origin(
    api: RunningApi, ann: httpx.AsyncClient
) -> None:
    cookie = having(await log_in(ann))
    body = {"label": "made by a page", "scopes": []}
    for origin, code in (
        (None, "origin_missing"), ("https://evil.example", "cross_origin"),
        ("null", "cross_origin"), ("", "cross_origin"),
    ):  # fmt: skip
        headers = cookie | ({} if origin is None else {"Origin": origin})
        refused = await ann.post("/api/v1/keys", json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, code), origin
    own = await ann.post("/api/v1/keys", json=body, headers=cookie | {"Origin": api.url})
    assert own.status_code == 201
    # Logging somebody in as somebody else is a change too.
    evil = {"Origin": "https://evil.example"}
    assert (await ann.post(SESSION, json=LOGIN, headers=evil)).status_code == 403
    # Scripts stay as they are.
    scripted = basic(b"ann", PASSWORD.encode())
    assert (await ann.post("/api/v1/keys", json=body, headers=scripted)).status_code == 201


async def test_garbage_two_cookies_and_fixed_ones_open_nothing(ann: httpx.AsyncClient) -> None:
    mine, other = await log_in(ann), await log_in(ann)
    for value in (
        f"dialytics_session={mine}; dialytics_session={other}", "dialytics_session=",
        "dialytics_session=dls_" + "A" * 43, "dialytics_session=dls_\xff", "dialytics_session",
        f'dialytics_session="{mine}"', f"__Host-dialytics_session={mine}", "=;;;=" * 900,
        f"dialytics_session={'dls_' + 'x' * 4_000}",
    ):  # fmt: skip
        answer = await ann.get(ME, headers={"Cookie": value.encode("latin-1")})
        assert answer.status_code == 401, value
        # A page would show the browser's own dialog.
        is_page = value.startswith("dialytics_session")
        assert ("Basic" in answer.headers["www-authenticate"]) is not is_page, value
    same = f"a=b; dialytics_session={mine}; dialytics_session={mine}"
    assert (await ann.get(ME, headers={"Cookie": same})).status_code == 200
    # Credentials that are stated come before a cookie that a browser adds.
    assert (await ann.get(ME, headers=having(mine) | {"Authorization": "x"})).status_code == 401
    # A login never takes over a session that was there before, and ends it.
    fixed = await ann.post(SESSION, json=LOGIN, headers=having(mine))
    ann.cookies.clear()
    assert mine not in fixed.headers["set-cookie"]
    await until_ended(ann, mine)
    wrong = await ann.post(SESSION, json={**LOGIN, "password": "wrong"}, headers=having(other))
    assert wrong.status_code == 401
    assert "set-cookie" not in wrong.headers
    assert (await ann.get(ME, headers=having(other))).status_code == 200


async def test_an_admin_sees_and_ends_single_sessions_of_an_account(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await grant(engine, ["stats:read", "admin"])
    mine, other = await log_in(ann), await log_in(ann)
    headers = {"Origin": str(ann.base_url).rstrip("/")} | having(mine)
    me = (await ann.get(ME, headers=headers)).json()["id"]
    path, nobodys = (f"/api/v1/admin/accounts/{one}/sessions" for one in (me, me + 1))

    theirs, own = (await ann.get(path, headers=headers)).json()["sessions"]
    assert (theirs["is_current"], own["is_current"]) == (False, True)
    assert (await ann.get(nobodys, headers=headers)).status_code == 404
    elsewhere = await ann.post(f"{nobodys}/{theirs['id']}/end", headers=headers)
    assert elsewhere.status_code == 404

    ended = await ann.post(f"{path}/{theirs['id']}/end", headers=headers)
    assert ended.status_code == 204
    assert "set-cookie" not in ended.headers
    await until_ended(ann, other)
    assert (await ann.get(ME, headers=headers)).status_code == 200
    trail = await ann.get("/api/v1/admin/audit?what=session_ended", headers=headers)
    [event] = trail.json()["events"]
    assert event["details"] == {"account_id": me, "session_id": theirs["id"]}


@pytest.mark.parametrize("how", ["one", "all", "admin", "password", "disabled", "shell"])
async def test_sessions_end_within_a_second_in_every_process(
    ann: httpx.AsyncClient,
    start_api: StartApi,
    engine: AsyncEngine,
    sessions: Sessions,
    how: str,
) -> None:
    await grant(engine, ["stats:read", "admin"])
    mine, other = await log_in(ann), await log_in(ann)
    token = await bearer(ann)
    second = start_api()
    async with second.client() as elsewhere:
        await until_listening(elsewhere)
        for secret in (mine, other):
            assert (await elsewhere.get(ME, headers=having(secret))).status_code == 200
        listed = (await elsewhere.get(LISTED, headers=having(mine))).json()["sessions"]
        assert [each["is_current"] for each in listed] == [False, True]
        me = (await ann.get(ME, headers=token)).json()["id"]
        origin = {"Origin": str(ann.base_url).rstrip("/")} | having(mine)
        match how:
            case "one":
                path = f"{LISTED}/{listed[0]['id']}/end"
                answer = await ann.post(path, headers=origin)
                assert "set-cookie" not in answer.headers
            case "all":
                answer = await ann.post(f"{LISTED}/end", headers=origin)
                assert "Max-Age=0" in answer.headers["set-cookie"]
            case "admin":
                path = f"/api/v1/admin/accounts/{me}/sessions/end"
                answer = await ann.post(path, headers=origin)
            case "password":
                body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
                answer = await ann.post("/api/v1/auth/password", json=body, headers=origin)
            case "disabled":
                async with engine.begin() as connection:
                    await connection.execute(text("UPDATE api_users SET disabled_at = now()"))
            case "shell":
                await log_out("Ann", sessions)
        if how not in {"disabled", "shell"}:
            assert answer.status_code == 204, answer.text
        await until_ended(elsewhere, other)
        if how == "one":
            assert (await elsewhere.get(ME, headers=having(mine))).status_code == 200
            missing = await ann.post(f"{LISTED}/{listed[0]['id']}/end", headers=origin)
            assert missing.status_code == 404
        else:
            await until_ended(elsewhere, mine)
            # It may have been kept although the sessions were not.
            await until_refused(elsewhere, token)


async def test_a_session_of_somebody_else_cannot_be_ended(ann: httpx.AsyncClient) -> None:
    secret = await log_in(ann)
    [mine] = (await ann.get(LISTED, headers=having(secret))).json()["sessions"]
    await register(ann, "bob")
    bob = await bearer(ann, "bob")
    assert (await ann.post(f"{LISTED}/{mine['id']}/end", headers=bob)).status_code == 404
    assert (await ann.get(LISTED, headers=bob)).json() == {"sessions": []}
    assert (await ann.get(ME, headers=having(secret))).status_code == 200


async def test_a_session_ends_by_itself(start_api: StartApi) -> None:
    now = datetime.now(UTC)
    api = start_api(create={"clock": lambda: now}, api_session_hours=1)
    async with api.client() as client:
        await register(client)
        secret = await log_in(client)
        now += timedelta(minutes=59)
        assert (await client.get(ME, headers=having(secret))).status_code == 200
        now += timedelta(minutes=2)
        assert (await client.get(ME, headers=having(secret))).status_code == 401


async def test_a_reset_works_once_and_ends_every_session(
    ann: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await grant(engine, ["stats:read", "admin"])
    secret, token = await log_in(ann), await bearer(ann)
    me = (await ann.get(ME, headers=token)).json()["id"]
    path = f"/api/v1/admin/accounts/{me}/reset"
    body = {"label": "admin", "scopes": ["admin"]}
    key = (await ann.post("/api/v1/keys", json=body, headers=token)).json()["key"]
    by_key = await ann.post(path, headers={"Authorization": f"Bearer {key}"})
    assert by_key.json()["code"] == "key_not_allowed"
    replaced = (await ann.post(path, headers=token)).json()["token"]
    issued = await ann.post(path, headers=token)
    reset = issued.json()["token"]
    assert issued.headers["cache-control"] == "no-store"
    assert (await ann.post(RESET, json={"token": replaced, "new_password": NEW_PASSWORD})
            ).status_code == 401  # fmt: skip
    weak = await ann.post(RESET, json={"token": reset, "new_password": "password12"})
    assert weak.json()["code"] == "weak_password"
    with capture_logs() as logs:
        answers = await asyncio.gather(
            *(
                ann.post(RESET, json={"token": reset, "new_password": f"{NEW_PASSWORD} {n}"})
                for n in range(6)
            )
        )
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [204] + [401] * 5
    winner = f"{NEW_PASSWORD} {statuses.index(204)}"
    await until_ended(ann, secret)
    assert (await ann.get(ME, headers=token)).status_code == 401
    assert (await ann.get(ME, auth=("ann", PASSWORD))).status_code == 401
    assert (await ann.get(ME, auth=("ann", winner))).status_code == 200
    async with engine.connect() as connection:
        stored = [
            (await connection.execute(text(f"SELECT * FROM {table}"))).all()
            for table in ("password_resets", "audit_events")
        ]
    assert reset.removeprefix("dlr_") not in str((stored, logs))


async def test_a_reset_that_is_late_unknown_or_of_a_disabled_account_is_refused(
    ann: httpx.AsyncClient, engine: AsyncEngine, sessions: Sessions
) -> None:
    async def attempt(token: str) -> tuple[int, str]:
        answer = await ann.post(RESET, json={"token": token, "new_password": NEW_PASSWORD})
        return answer.status_code, answer.json()["code"]

    refused = (401, "reset_invalid")
    for token in ("dlr_" + "A" * 43, "", "\0", "é"):
        assert await attempt(token) == refused
    lone = b'{"token": "\\ud800", "new_password": "correct horse battery"}'
    answer = await ann.post(RESET, content=lone, headers={"Content-Type": "application/json"})
    assert answer.status_code in {401, 422}
    for statement in (
        "UPDATE password_resets SET expires_at = now()",
        "UPDATE api_users SET disabled_at = now()",
    ):
        line = await issue_reset("Ann", sessions, base_url="http://127.0.0.1:8000")
        link, _, lifetime = line.partition("\t")
        assert re.fullmatch(r"once, until 20\d\d-\d\d-\d\d \d\d:\d\d UTC", lifetime)
        page, _, token = link.partition("#token=")
        assert page == "http://127.0.0.1:8000/reset"
        async with engine.begin() as connection:
            await connection.execute(text(statement))
        assert await attempt(token) == refused
    with pytest.raises(StartupError, match="no account named bob"):
        await issue_reset("bob", sessions, base_url="http://127.0.0.1:8000")
    assert (await ann.get(ME, auth=("ann", NEW_PASSWORD))).status_code == 401
