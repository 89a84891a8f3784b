"""Logins, over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.accounts.account_cache import AccountCache
from api.accounts.authenticator import Authenticator
from api.accounts.credentials import CredentialCache
from api.accounts.passwords import PasswordHasher
from api.accounts.store import AccountRepository
from api.accounts.throttle import LoginThrottle
from api.accounts.tokens import TokenError, Tokens
from api.http.rate_limit import MemoryCounters
from api.settings import parse_limit
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from tests.api.constants import ME, NEW_PASSWORD
from tests.api.running import (
    PASSWORD,
    StartApi,
    api_settings,
    bearer,
    process,
    process_environment,
    register,
)

SECRET = "s" * 64
NEXT_SECRET = "n" * 64


def basic(username: bytes, password: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(username + b':' + password).decode()}"}


async def processor_seconds_of(client: httpx.AsyncClient, username: str, password: str) -> float:
    """The processor's time for one refusal: the API is in this process, and a hash is all work."""
    started = time.process_time()
    await seconds_of(client, username, password)
    return time.process_time() - started


async def seconds_of(client: httpx.AsyncClient, username: str, password: str) -> float:
    started = time.perf_counter()
    answer = await client.get(ME, auth=(username, password))
    assert answer.status_code == 401
    return time.perf_counter() - started


@pytest.mark.measures
async def test_unknown_user_and_wrong_password_answer_alike_in_body_and_time(
    start_api: StartApi, engine: AsyncEngine
) -> None:
    api = start_api(password_hash_cost=10)
    async with api.client() as client:
        await register(client)
        await register(client, "closed")
        async with engine.begin() as connection:
            await connection.execute(
                text("UPDATE api_users SET disabled_at = now() WHERE username = 'closed'")
            )
        bodies = set()
        for username, password in (("ann", "wrong"), ("nobody", "wrong"), ("closed", PASSWORD)):
            answer = await client.get(ME, auth=(username, password))
            assert answer.status_code == 401
            problem = answer.json()
            del problem["request_id"]
            bodies.add((str(problem), answer.headers["www-authenticate"]))
        assert len(bodies) == 1
        # Interleaved in alternating order, so that a noisy neighbour disturbs both alike; new
        # words, so that no two attempts are the same one. A neighbour only ever adds time, so the
        # quickest quarter is compared, by its median. More pairs reduce noise, but not a real
        # difference.
        wrong: list[float] = []
        unknown: list[float] = []
        worked: dict[int, list[float]] = {id(wrong): [], id(unknown): []}
        for number in range(250):
            pair = [(wrong, "ann", f"wrong {number}"), (unknown, f"nobody{number}", "wrong")]
            for times, username, password in pair if number % 2 else reversed(pair):
                began = time.process_time()
                times.append(await seconds_of(client, username, password))
                worked[id(times)].append(time.process_time() - began)
            ratio = quickly(wrong) / quickly(unknown)
            if number >= 15 and abs(ratio - 1) < 0.05:
                break
        by_processor = [statistics.median(worked[id(times)]) for times in (wrong, unknown)]
        if statistics.median(unknown) > 1.5 * by_processor[1]:
            # Most of the time went to waiting for a processor: what they did with it is compared.
            ratio = by_processor[0] / by_processor[1]
        assert abs(ratio - 1) < 0.05


def quickly(times: list[float]) -> float:
    """The median of the quickest quarter."""
    return statistics.median(sorted(times)[: max(1, len(times) // 4)])


@pytest.mark.measures
async def test_fifty_parallel_bad_logins_keep_health_fast(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    wide = {
        "LOGIN_FAILURES_PER_ADDRESS": "10000/minute",
        "STATS_API_RATE_LIMIT": "10000/minute",
        "PASSWORD_HASH_COST": "11",
    }
    # A process of its own: the fifty clients must not hold up the server's event loop.
    with process(process_environment(database, **wide), tmp_path / "api.log") as (_, url):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            # A neighbour on the machine may disturb some of them; hashes in the loop would all.
            for attempt in range(8):
                idle = await health_p99(url, asyncio.create_task(asyncio.sleep(1)))
                hashing = min([await seconds_of(client, f"one{attempt}-{n}", "no") for n in "abc"])
                logins = [client.get(ME, auth=(f"nobody{attempt}-{n}", "no")) for n in range(50)]
                busy = await health_p99(url, asyncio.gather(*logins))
                # A loop that hashed itself would keep /health waiting for whole hashes; where a
                # busy machine takes long for one, half of it is the measure.
                most = idle + max(0.1, hashing / 2)
                if busy < most:
                    break
            assert busy < most


async def health_p99(url: str, meanwhile: asyncio.Future[Any]) -> float:
    times = []
    async with httpx.AsyncClient(base_url=url, timeout=30) as watcher:
        await watcher.get("/health")
        while not meanwhile.done() or len(times) < 20:
            started = time.perf_counter()
            assert (await watcher.get("/health")).status_code == 200
            times.append(time.perf_counter() - started)
            await asyncio.sleep(0.005)
    answers = await meanwhile or []
    assert all(answer.status_code == 401 for answer in answers)
    return sorted(times)[int(len(times) * 0.99) - 1]


async def test_passwords_of_any_length_and_alphabet_never_fail(
    client: httpx.AsyncClient,
) -> None:
    alphabets = (
        "aB3$ xyz",
        "пароль Ж",
        "密码安全的钥匙",
        "🦊🐻🐼🐨🐯🦁🐮🐷",
        "é́\u0301\u0000b\x7fq~",
    )
    for number, alphabet in enumerate(alphabets):
        for size in (1, 9, 10, 36, 37, 71, 72, 73, 100, 255, 256, 500, 1000):
            password = (alphabet * size).encode()[:size].decode(errors="ignore")
            username = f"user{number}x{size}"
            made = await register(client, username, password)
            assert made.status_code in (201, 400), (size, alphabet)
            credentials = basic(username.encode(), password.encode())
            answer = await client.get(ME, headers=credentials)
            assert answer.status_code == (200 if made.status_code == 201 else 401)


async def test_long_passwords_differ_beyond_seventy_two_bytes(
    client: httpx.AsyncClient,
) -> None:
    long = "correct horse " * 40
    await register(client, password=long + "one")
    assert (await client.get(ME, auth=("ann", long + "two"))).status_code == 401
    assert (await client.get(ME, auth=("ann", long + "one"))).status_code == 200


@pytest.mark.measures
async def test_a_verified_password_is_not_hashed_again(start_api: StartApi) -> None:
    api = start_api(password_hash_cost=12)
    async with api.client() as client:
        await register(client)
        started = time.process_time()
        assert (await client.get(ME, auth=("ann", PASSWORD))).status_code == 200
        first = time.process_time() - started
        again = []
        for _ in range(30):
            started = time.process_time()
            assert (await client.get(ME, auth=("ann", PASSWORD))).status_code == 200
            again.append(time.process_time() - started)
        assert first > 0.05
        assert statistics.median(again) < first / 5


class Held(PasswordHasher):
    """Real hashes; a check begins when it is asked for and ends when it may."""

    def __init__(self, *, cost: int, threads: int) -> None:
        super().__init__(cost=cost, threads=threads)
        self.checks = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def verify(self, password: str, stored: str | None) -> bool:
        self.checks += 1
        await self.may_end.wait()
        return await super().verify(password, stored)


class Deaf(AccountCache):
    """Says that it listens and hears nothing: an announcement that is late for ever."""

    @property
    def is_listening(self) -> bool:
        return True


def make_login(
    accounts: AccountRepository,
    account_cache: AccountCache,
    passwords: PasswordHasher,
    credentials: CredentialCache,
) -> Authenticator:
    limit = parse_limit("100/minute")
    counters = MemoryCounters(max_keys=100)
    return Authenticator(
        accounts=accounts,
        account_cache=account_cache,
        passwords=passwords,
        credentials=credentials,
        throttle=LoginThrottle(counters, per_account=limit, per_address=limit, ceiling=limit),
        tokens=Tokens(SECRET, previous=None, lifetime=timedelta(1), session=timedelta(1)),
    )


async def test_credentials_in_use_are_checked_anew_behind_the_answer(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    now = 0.0
    credentials = CredentialCache(seconds=120, clock=lambda: now)
    accounts = AccountRepository(sessions)
    account_cache = Deaf(accounts, credentials, url=database.libpq_url)
    passwords = Held(cost=4, threads=1)
    login = make_login(accounts, account_cache, passwords, credentials)
    ann = await accounts.create("ann", await passwords.hash(PASSWORD))

    async def is_opened() -> bool:
        return (await login.check_password("ann", PASSWORD, address="local")).id == ann.id

    async def known_for(more_seconds: float) -> None:
        nonlocal now
        deadline = time.monotonic() + 60
        while credentials.is_aging(fingerprint):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        now += more_seconds
        assert credentials.get(fingerprint) == ann.id

    fingerprint = credentials.fingerprint(f"ann:{PASSWORD}".encode())
    assert await is_opened()
    assert passwords.checks == 1
    # From here on a check ends when it may: whoever waited for one would wait for ever.
    passwords.may_end.clear()
    now = 59.0
    assert await is_opened()
    assert passwords.checks == 1
    now = 61.0
    assert await is_opened()
    passwords.may_end.set()
    await known_for(100.0)  # beyond the first two minutes
    assert passwords.checks == 2
    # Behind the answer a password that no longer holds is found out too.
    async with transaction(sessions) as session:
        await session.execute(
            text("UPDATE api_users SET password_hash = :other"),
            {"other": await passwords.hash(NEW_PASSWORD)},
        )
    passwords.may_end.clear()
    assert await is_opened()
    passwords.may_end.set()
    deadline = time.monotonic() + 60
    while credentials.get(fingerprint) is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    passwords.close()


async def test_nothing_is_remembered_while_changes_are_not_heard(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    credentials = CredentialCache(seconds=120)
    accounts = AccountRepository(sessions)
    account_cache = AccountCache(accounts, credentials, url=database.libpq_url)
    passwords = Held(cost=4, threads=1)
    login = make_login(accounts, account_cache, passwords, credentials)
    await accounts.create("ann", await passwords.hash(PASSWORD))
    for _ in range(2):
        await login.check_password("ann", PASSWORD, address="local")
    assert (passwords.checks, len(credentials)) == (2, 0)
    account_cache.start()
    deadline = time.monotonic() + 60
    while not account_cache.is_listening:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    for _ in range(2):
        await login.check_password("ann", PASSWORD, address="local")
    assert (passwords.checks, len(credentials)) == (3, 1)
    await account_cache.stop()
    assert len(credentials) == 0
    passwords.close()


@pytest.mark.measures
def test_the_cache_is_fast_bounded_short_lived_and_keyed() -> None:
    now = 1000.0
    cache = CredentialCache(seconds=300, max_entries=100, clock=lambda: now)
    other = CredentialCache(seconds=300)
    entry = cache.fingerprint(b"ann:secret")
    assert b"secret" not in entry
    assert entry != other.fingerprint(b"ann:secret")
    cache.put(entry, 1)
    started = time.perf_counter()
    for _ in range(1000):
        assert cache.get(cache.fingerprint(b"ann:secret")) == 1
    assert time.perf_counter() - started < 1.0  # a thousand hits: each under a millisecond
    now += 301
    assert cache.get(entry) is None
    for number in range(500):
        cache.put(cache.fingerprint(b"%d" % number), number)
    assert len(cache) == 100
    cache.drop(499)
    assert len(cache) == 99


def test_the_cache_lives_at_most_five_minutes(database: DatabaseSettings) -> None:
    with pytest.raises(ValueError, match="less than or equal to 300"):
        api_settings(database, credential_cache_seconds=301)


async def test_failures_are_not_remembered(start_api: StartApi) -> None:
    api = start_api()
    async with api.client() as client:
        assert (await client.get(ME, auth=("ann", PASSWORD))).status_code == 401
        await register(client)
        assert (await client.get(ME, auth=("ann", PASSWORD))).status_code == 200


async def test_a_change_made_elsewhere_is_heard_at_once(
    start_api: StartApi, sessions: Sessions
) -> None:
    api = start_api()
    elsewhere = AccountRepository(sessions)
    async with api.client() as client:
        made = await register(client)
        token = await bearer(client)
        for headers in (token, basic(b"ann", PASSWORD.encode())):
            assert (await client.get(ME, headers=headers)).status_code == 200
        account_id = made.json()["id"]
        await elsewhere.set_scopes(account_id, {"stats:read", "names:read"})
        await until(client, token, lambda answer: "names:read" in answer.json()["scopes"])
        await elsewhere.set_disabled(account_id, is_disabled=True)
        await until(client, token, lambda answer: answer.status_code == 401)
        assert (await client.get(ME, auth=("ann", PASSWORD))).status_code == 401


async def until(client: httpx.AsyncClient, headers: dict[str, str], holds: object) -> None:
    # Nothing but the announcement ever drops what is kept, so this only bounds the waiting.
    deadline = time.monotonic() + 30
    while not holds(await client.get(ME, headers=headers)):  # type: ignore[operator]
        assert time.monotonic() < deadline, "the change was not heard"
        await asyncio.sleep(0.01)


@pytest.mark.measures
async def test_failures_are_limited_per_account_before_anything_is_hashed(
    start_api: StartApi,
) -> None:
    api = start_api(login_failures_per_account="3/minute", password_hash_cost=11)
    async with api.client() as client:
        await register(client)
        token = await bearer(client)
        hashing = min(
            [await processor_seconds_of(client, "ann", f"wrong {number}") for number in range(3)]
        )
        started = time.process_time()
        refused = await client.get(ME, auth=("ANN", "wrong again"))
        assert time.process_time() - started < hashing / 2
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_failures")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        # Logged-in analysts stay logged in: an attacker cannot lock them out.
        assert (await client.get(ME, headers=token)).status_code == 200
        assert (await client.get(ME, auth=("ann", PASSWORD))).status_code == 200
        assert (await client.get(ME, auth=("bob", "wrong"))).status_code == 401


async def test_failures_are_limited_per_address_whatever_the_name(start_api: StartApi) -> None:
    api = start_api(login_failures_per_address="4/minute")
    async with api.client() as client:
        answers = await asyncio.gather(
            *(
                client.post(
                    "/api/v1/auth/token", data={"username": f"user{n}", "password": "wrong"}
                )
                for n in range(12)
            )
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [401] * 4 + [429] * 8


async def test_strangers_who_guess_lock_nobody_out(start_api: StartApi) -> None:
    api = start_api(
        login_failures_per_account="3/minute", login_failures_ceiling="5/hour", trusted_proxy_hops=1
    )

    async def ask(address: str, password: str) -> int:
        answer = await client.get(ME, auth=("ann", password), headers={"X-Forwarded-For": address})
        return answer.status_code

    async with api.client() as client:
        await register(client)
        assert await ask("192.0.2.1", PASSWORD) == 200
        token = await bearer(client)
        assert [await ask("198.51.100.1", f"wrong {n}") for n in range(4)] == [401] * 3 + [429]
        assert [await ask("198.51.100.2", f"guess {n}") for n in range(3)] == [401] * 2 + [429]
        # The account's ceiling is reached: a stranger's right guess does not count any more.
        assert await ask("198.51.100.3", f"{PASSWORD} ") == 429
        assert await ask("192.0.2.1", "a slip") == 401
        assert await ask("192.0.2.1", PASSWORD) == 200
        changed = await client.post(
            "/api/v1/auth/password",
            json={"current_password": PASSWORD, "new_password": NEW_PASSWORD},
            headers={**token, "X-Forwarded-For": "203.0.113.1"},
        )
        assert changed.status_code == 204
        assert await ask("192.0.2.1", NEW_PASSWORD) == 200


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
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE api_users SET scopes = '{stats:read,admin}'"))
    narrow = await bearer(client, scope="stats:read")
    assert (await client.get(ME, headers=narrow)).json()["granted_scopes"] == ["stats:read"]
    assert (await client.get("/api/v1/admin/accounts", headers=narrow)).status_code == 403
    more = await client.post(
        "/api/v1/auth/token",
        data={"username": "ann", "password": PASSWORD, "scope": "texts:read"},
    )
    assert (more.status_code, more.json()["code"]) == (400, "invalid_scope")


async def test_credentials_of_any_bytes_never_fail(client: httpx.AsyncClient) -> None:
    await register(client, "жанна", "пароль длинный")
    assert (
        await client.get(ME, headers=basic("жанна".encode(), "пароль длинный".encode()))
    ).status_code == 200
    pieces = (b"", b"\xff\xfe", b"\x00", "é".encode(), b"\xed\xa0\x80", b":" * 3, b"x" * 5000)
    for username in pieces:
        for password in pieces:
            answer = await client.get(ME, headers=basic(username, password))
            assert answer.status_code == 401
    for header in ("Basic", "Basic !!!", "Basic YQ==", "Bearer", "Digest x", "é", "Basic é", "x"):
        answer = await client.get(ME, headers={"Authorization": header.encode()})  # type: ignore[dict-item]
        assert answer.status_code == 401, header
        assert answer.json()["code"] in {"invalid_credentials", "not_authenticated"}
    for form in (
        {"username": "é\x00", "password": "\x00"},
        {"username": "\ufffe", "password": "é"},
    ):
        answer = await client.post("/api/v1/auth/token", data=form)
        assert answer.status_code == 401


async def test_a_login_page_gets_no_password_dialog_of_the_browser(
    client: httpx.AsyncClient,
) -> None:
    refused = await client.post("/api/v1/auth/token", data={"username": "a", "password": "b"})
    assert refused.status_code == 401
    assert "Basic" not in refused.headers["www-authenticate"]
