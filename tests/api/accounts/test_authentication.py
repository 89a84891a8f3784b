"""Logins, over real HTTP."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from common.settings import DatabaseSettings
from tests.api.constants import ME
from tests.api.running import (
    PASSWORD,
    StartApi,
    basic,
    process,
    process_environment,
    register,
    seconds_of,
)


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
