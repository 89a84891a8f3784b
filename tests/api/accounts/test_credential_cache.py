"""Verified credentials are cached until a change is heard."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from api.accounts.account_cache import AccountCache
from api.accounts.authenticator import Authenticator
from api.accounts.credentials import CredentialCache
from api.accounts.keys.authentication import KeyAuthenticator
from api.accounts.keys.store import KeyRepository
from api.accounts.lookup import SecretLookup
from api.accounts.passwords import PasswordHasher
from api.accounts.store import AccountRepository
from api.accounts.throttle import LoginThrottle
from api.accounts.tokens import Tokens, now_utc
from api.audit.trail import AuditTrail
from api.http.rate_limit import RateLimiter
from api.settings import RateLimitSettings, parse_limit
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from tests.api.constants import ME, NEW_PASSWORD, SECRET
from tests.api.running import (
    PASSWORD,
    StartApi,
    api_settings,
    basic,
    bearer,
    register,
)


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
    limiter = RateLimiter(RateLimitSettings(), timeout_seconds=60)
    throttle = LoginThrottle(limiter, per_account=limit, per_address=limit, ceiling=limit)
    trail = AuditTrail(accounts._sessions)
    return Authenticator(
        accounts=accounts,
        account_cache=account_cache,
        passwords=passwords,
        credentials=credentials,
        throttle=throttle,
        tokens=Tokens(SECRET, previous=None, lifetime=timedelta(1), session=timedelta(1)),
        trail=trail,
        keys=KeyAuthenticator(
            SecretLookup(KeyRepository(accounts._sessions), account_cache),
            account_cache,
            throttle=throttle,
            trail=trail,
            clock=now_utc,
        ),
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
    started = time.process_time()
    for _ in range(1000):
        assert cache.get(cache.fingerprint(b"ann:secret")) == 1
    assert time.process_time() - started < 1.0  # a thousand hits: each under a millisecond
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
    deadline = time.monotonic() + 100
    while not holds(await client.get(ME, headers=headers)):  # type: ignore[operator]
        assert time.monotonic() < deadline, "the change was not heard"
        await asyncio.sleep(0.01)
