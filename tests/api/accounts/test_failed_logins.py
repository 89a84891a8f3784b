"""Failed logins are limited, over real HTTP."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.api.constants import ME, NEW_PASSWORD
from tests.api.running import (
    PASSWORD,
    StartApi,
    bearer,
    processor_seconds_of,
    register,
)


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
