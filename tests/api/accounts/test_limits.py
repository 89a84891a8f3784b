"""Rate limits, over real HTTP."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.requests import Request

from api.accounts.auth_middleware import client_network
from api.http.bounded_memory import BoundedMemory
from api.http.rate_limit import RateLimiter
from api.settings import RateLimitSettings, parse_limit
from common.errors import SettingError
from common.settings import DatabaseSettings, load
from tests.api.constants import ME, STATS
from tests.api.running import PASSWORD, StartApi, api_settings, bearer, register
from warehouse.errors import QueryTooExpensiveError, WarehouseUnavailableError

SPOOFED = (
    {"X-Forwarded-For": "203.0.113.7"},
    {"X_FORWARDED_FOR": "203.0.113.7"},
    {"Forwarded": "for=203.0.113.7"},
    {"X-Real-IP": "203.0.113.7"},
    {"X-Client-IP": "203.0.113.7"},
    {"CF-Connecting-IP": "203.0.113.7"},
    {"True-Client-IP": "203.0.113.7"},
)


def rate_limiter(**settings: Any) -> RateLimiter:
    return RateLimiter(RateLimitSettings.model_validate(settings), timeout_seconds=60)


async def test_spoofed_headers_change_nothing(start_api: StartApi) -> None:
    api = start_api(stats_api_rate_limit="3/minute")
    async with api.client() as client:
        remaining = []
        for headers in SPOOFED:
            answer = await client.get(ME, headers=headers)
            remaining.append(int(answer.headers["x-ratelimit-remaining"]))
        assert remaining == [2, 1, 0, 0, 0, 0, 0]


async def test_the_address_is_what_the_outermost_trusted_proxy_saw(
    start_api: StartApi,
) -> None:
    api = start_api(stats_api_rate_limit="2/minute", trusted_proxy_hops=2)
    async with api.client() as client:

        async def ask(forwarded: str) -> int:
            return (await client.get(ME, headers={"X-Forwarded-For": forwarded})).status_code

        assert [await ask("198.51.100.1, 10.0.0.1") for _ in range(3)] == [401, 401, 429]
        # Values that the client invents are further left.
        assert await ask("9.9.9.9, 198.51.100.1, 10.0.0.1") == 429
        assert await ask("198.51.100.2, 10.0.0.1") == 401


@pytest.mark.parametrize(
    ("forwarded", "hops", "expected"),
    [
        ("1.2.3.4", 0, "127.0.0.1"),
        ("1.2.3.4", 1, "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", 1, "1.2.3.4"),
        ("1.2.3.4", 2, "127.0.0.1"),
        ("nonsense", 1, "127.0.0.1"),
        ("2001:db8:1:2:3::4", 1, "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", 1, "2001:db8:1:2::/64"),
        ("::ffff:1.2.3.4", 1, "1.2.3.4"),
    ],
)
def test_addresses(forwarded: str, hops: int, expected: str) -> None:
    scope = {
        "type": "http",
        "client": ("127.0.0.1", 5),
        "headers": [(b"x-forwarded-for", forwarded.encode())],
    }
    assert client_network(scope, trusted_hops=hops) == expected


async def test_an_account_has_one_window_from_everywhere_and_both_logins(
    start_api: StartApi,
) -> None:
    api = start_api(stats_api_rate_limit="4/minute")
    async with api.client() as client:
        await register(client)
        token = await bearer(client)
        seen = [(await client.get(ME, auth=("ann", PASSWORD))).status_code for _ in range(2)]
        seen += [(await client.get(ME, headers=token)).status_code for _ in range(3)]
        assert seen == [200, 200, 200, 200, 429]
        assert (await client.get(ME)).status_code == 401  # the address has its own


async def test_the_dashboards_tokens_have_their_own_limit(start_api: StartApi) -> None:
    api = start_api(stats_api_rate_limit="3/minute", stats_dashboard_rate_limit="50/minute")
    async with api.client() as client:
        await register(client)
        token = await bearer(client, client_id="dashboard")
        answer = await client.get(ME, headers=token)
        assert answer.headers["x-ratelimit-limit"] == "50"
        assert answer.json()["rate_limit"] == "50 per 1 minute"


@pytest.mark.measures
async def test_a_window_moves(start_api: StartApi) -> None:
    api = start_api(stats_api_rate_limit="10 per 3 second")
    async with api.client() as client:

        async def burst() -> int:
            answers = await asyncio.gather(*(client.get(ME) for _ in range(12)))
            return sum(answer.status_code == 401 for answer in answers)

        await client.get("/health")
        for _ in range(5):
            # A fixed window would pass ten just before its edge and ten just after it.
            await asyncio.sleep(3 - time.time() % 3 + 2.7)
            started = time.monotonic()
            passed = await burst()
            await asyncio.sleep(0.4)
            passed += await burst()
            is_telling = time.monotonic() - started < 2.9
            await asyncio.sleep(3)
            if is_telling:
                break
        assert is_telling, "the machine is too slow to tell"
        assert passed == 10
        assert (await client.get(ME)).status_code == 401


async def test_headers_stand_on_every_answer_and_count_down_to_zero(
    start_api: StartApi,
) -> None:
    api = start_api(stats_api_rate_limit="3/minute")
    async with api.client() as client:
        await register(client)
        answers = [await client.get(ME, auth=("ann", PASSWORD)) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == [
            "2", "1", "0", "0",
        ]  # fmt: skip
        for answer in answers:
            assert answer.headers["x-ratelimit-limit"] == "3"
            assert 0 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= 61
            assert answer.headers["ratelimit-policy"] == '"account";q=3;w=60'
            assert answer.headers["ratelimit"].startswith('"account";r=')
        refused = answers[-1]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.json()["code"] == "rate_limited"
        assert all("retry-after" not in answer.headers for answer in answers[:3])


async def test_headers_stand_on_refusals_too(start_api: StartApi) -> None:
    api = start_api(stats_api_rate_limit="100/minute")
    async with api.client() as client:
        for path, method, status in (
            (ME, "GET", 401),
            ("/api/v1/nothing", "GET", 404),
            (ME, "DELETE", 405),
            ("/api/v1/auth/register", "POST", 422),
        ):
            answer = await client.request(method, path)
            assert answer.status_code == status
            assert answer.headers["x-ratelimit-limit"] == "100"
            assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("cause", "status", "code"),
    [
        (QueryTooExpensiveError("over a limit"), 422, "too_expensive"),
        (WarehouseUnavailableError("away"), 503, "warehouse_away"),
        (OperationalError("SELECT 1", {}, Exception()), 503, "database_unavailable"),
        (RuntimeError("nobody's error"), 500, "internal_error"),
    ],
)
async def test_headers_stand_on_what_fails_inside_too(
    start_api: StartApi, cause: Exception, status: int, code: str
) -> None:
    async def failing(*_arguments: Any, **_named: Any) -> Any:
        raise cause

    api = start_api(create={"resolve_snapshot": failing}, stats_api_rate_limit="100/minute")
    async with api.client() as client:
        await register(client)
        answer = await client.get(STATS, auth=("ann", PASSWORD))
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["x-ratelimit-limit"] == "100"
        assert answer.headers["x-ratelimit-remaining"] == "99"
        assert answer.headers["ratelimit-policy"] == '"account";q=100;w=60'
        # Once each: a header that is said twice is read as neither.
        assert len(answer.headers.get_list("ratelimit")) == 1


async def test_headers_stand_on_questions_that_cannot_be_answered_too(
    start_week: StartApi,
) -> None:
    api = start_week(stats_api_rate_limit="100/minute")
    async with api.client() as client:
        await register(client)
        for path, code in (
            (f"{STATS}?period=custom", "invalid_period"),
            (f"{STATS}/dialogs?cursor=made-up", "invalid_cursor"),
        ):
            answer = await client.get(path, auth=("ann", PASSWORD))
            assert (answer.status_code, answer.json()["code"]) == (422, code)
            assert answer.headers["x-ratelimit-limit"] == "100"


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ("redis://redis:6379/0", "redis://:a%2Fb%40c@redis:6379/0"),
        ("rediss://ann@[::1]:6379", "rediss://ann:a%2Fb%40c@[::1]:6379"),
        ("redis://:own@redis:6379/0", "redis://:own@redis:6379/0"),
        ("memory://", "memory://"),
    ],
)
def test_the_password_of_redis_comes_as_a_secret_of_its_own(storage: str, expected: str) -> None:
    settings = RateLimitSettings.model_validate(
        {"rate_limit_storage": storage, "redis_password": "a/b@c"}
    )
    assert settings.storage_url == expected
    assert "a/b" not in repr(settings)


def test_several_workers_need_a_shared_storage(database: DatabaseSettings) -> None:
    from api.app import create_app  # noqa: PLC0415 # what is tested is the composition

    with pytest.raises(SettingError, match="RATE_LIMIT_STORAGE"):
        create_app(api_settings(database, api_workers=2))
    with pytest.raises(SettingError, match="API_TOKEN_SECRET"):
        create_app(
            api_settings(database, api_workers=2, rate_limit_storage="redis://127.0.0.1:9/0")
        )


async def test_without_the_storage_reading_goes_on_and_logins_are_closed(
    start_api: StartApi,
) -> None:
    secret = "t" * 40
    healthy = start_api(api_token_secret=secret)
    async with healthy.client() as client:
        await register(client)
        token = await bearer(client)
    api = start_api(api_token_secret=secret, rate_limit_storage="redis://127.0.0.1:9/0")
    async with api.client() as client:
        for _ in range(3):
            assert (await client.get(ME, headers=token)).status_code == 200
        closed = (
            await client.post("/api/v1/auth/token", data={"username": "ann", "password": PASSWORD}),
            await register(client, "bob"),
            await client.get(ME, auth=("ann", PASSWORD)),
        )
        for answer in closed:
            assert (answer.status_code, answer.json()["code"]) == (503, "logins_closed")
            assert answer.headers["retry-after"]
        metrics = (await client.get("/metrics")).text
        assert "rate_limit_storage_unavailable_total 6.0" in metrics


async def test_six_times_as_many_keys_as_are_kept_stay_bounded() -> None:
    storage = BoundedMemory(max_keys=5_000)
    for number in range(30_000):
        assert storage.acquire_entry(f"key-{number}", 10, 60)
    assert len(storage) == 5_000
    limiter = rate_limiter(rate_limit_keys=1_000)
    item = parse_limit("2/minute")
    for number in range(5_000):
        assert (await limiter.consume(item, f"address:{number}")).allowed
    for _ in range(3):
        last = await limiter.consume(item, "address:4999")
    assert not last.allowed
    assert (await limiter.consume(item, "address:0")).remaining == 1


async def test_a_refunded_hit_makes_room_for_one_more() -> None:
    limiter = rate_limiter()
    item = parse_limit("2/minute")
    assert [(await limiter.consume(item, "key")).allowed for _ in range(3)] == [True, True, False]
    await limiter.refund(item, "key")
    assert [(await limiter.consume(item, "key")).allowed for _ in range(2)] == [True, False]
    await limiter.refund(item, "other")
    assert (await limiter.consume(item, "key")).seconds_until_free > 1


def test_empty_windows_leave() -> None:
    now = 0.0
    storage = BoundedMemory(clock=lambda: now)
    assert storage.acquire_entry("key", 2, 10)
    assert storage.acquire_entry("key", 2, 10)
    assert not storage.acquire_entry("key", 2, 10)
    now = 10.0
    assert storage.get_moving_window("key", 2, 10) == (10.0, 0)
    assert len(storage) == 0
    assert storage.incr("other", 5) == 1
    assert storage.get_expiry("other") == 10.0
    assert storage.check()
    storage.clear("other")
    assert storage.get("other") == 0
    assert len(storage) == 0
    assert storage.reset() == 0


async def test_a_refused_client_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    limiter = rate_limiter(stats_api_rate_limit="1/minute")
    for _ in range(2):
        request = Request({"type": "http", "method": "GET", "path": "/api/v1", "headers": []})
        status = await limiter.count(request, "address:203.0.113.7", is_dashboard=False)
    assert not status.allowed
    assert "203.0.113.7" not in caplog.text


@pytest.mark.parametrize("wrong", ["ten per minute", "", "10/fortnight"])
def test_a_wrong_limit_names_its_setting(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("STATS_API_RATE_LIMIT", wrong or "x")
    with pytest.raises(SettingError, match=r"^STATS_API_RATE_LIMIT: "):
        load(RateLimitSettings)


async def test_unlimited_paths_carry_no_rate_headers(start_api: StartApi) -> None:
    api = start_api(stats_api_rate_limit="1/minute")
    async with api.client() as client:
        for _ in range(3):
            answer = await client.get("/health")
            assert answer.status_code == 200
            assert "x-ratelimit-limit" not in answer.headers
