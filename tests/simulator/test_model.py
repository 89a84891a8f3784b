"""The simulated models: conduct, faults, and what the OpenAI SDK makes of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from json import JSONDecodeError
from typing import Any

import openai
import pytest
from aiohttp import ClientSession
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from simulator.app import Simulator
from simulator.model.behaviour import ModelFault

MODEL = "openai/gpt-4o-mini"


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=simulator.model_url, api_key=simulator.api_key or "", max_retries=0
    ) as client:
        yield client


async def stream(client: AsyncOpenAI, text: str = "why?", **more: Any) -> list[ChatCompletionChunk]:
    events = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": text}],
        stream=True,
        stream_options={"include_usage": True},
        **more,
    )
    return [event async for event in events]


def finish_reasons(events: list[ChatCompletionChunk]) -> set[str | None]:
    return {choice.finish_reason for event in events for choice in event.choices}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ModelFault(kind="status", status=429, retry_after=2), openai.RateLimitError),
        (ModelFault(kind="status", status=503), openai.InternalServerError),
        (ModelFault(kind="html", status=502), openai.InternalServerError),
        (ModelFault(kind="moderation"), openai.PermissionDeniedError),
        (ModelFault(kind="error_event"), openai.APIError),
        (ModelFault(kind="malformed"), JSONDecodeError),
        (ModelFault(kind="disconnect"), openai.APIConnectionError),
    ],
)
async def test_the_client_meets_the_fault(
    simulator: Simulator, client: AsyncOpenAI, fault: ModelFault, error: type[Exception]
) -> None:
    simulator.model.faults.add(fault)
    with pytest.raises(error) as raised:
        await stream(client)
    if fault.retry_after is not None:
        assert isinstance(raised.value, openai.RateLimitError)
        assert raised.value.response.headers["Retry-After"] == "2"
    await simulator.wait_until(lambda: simulator.counters.llm_calls_ended == 1)
    assert simulator.calls[0].outcome in (fault.kind, "disconnected")


async def test_a_cut_stream_ends_without_an_error_and_without_a_finish_reason(
    simulator: Simulator, client: AsyncOpenAI
) -> None:
    simulator.model.faults.add(ModelFault(kind="cut", after_chunks=2))
    events = await stream(client)
    assert len(events) == 2
    assert finish_reasons(events) == {None}
    assert simulator.calls[0].outcome == "cut"


async def test_a_stalled_stream_ends_when_the_client_disconnects(
    simulator: Simulator, client: AsyncOpenAI
) -> None:
    simulator.model.faults.add(ModelFault(kind="stall", after_chunks=1))
    asking = asyncio.create_task(stream(client))
    await simulator.wait_until(lambda: simulator.counters.llm_calls_started == 1)
    await asyncio.sleep(0.3)
    assert not asking.done()
    asking.cancel()
    await asyncio.wait([asking])
    await simulator.wait_until(lambda: simulator.counters.llm_calls_ended == 1)
    assert simulator.calls[0].outcome == "disconnected"


async def test_a_drip_is_slow_but_whole(simulator: Simulator, client: AsyncOpenAI) -> None:
    simulator.model.set_behaviour(MODEL, answer="one two three")
    simulator.model.faults.add(ModelFault(kind="drip", seconds=0.1))
    began = time.monotonic()
    assert "stop" in finish_reasons(await stream(client))
    assert time.monotonic() - began >= 0.3


async def test_an_empty_answer_has_no_text(simulator: Simulator, client: AsyncOpenAI) -> None:
    simulator.model.faults.add(ModelFault(kind="empty"))
    events = await stream(client)
    assert "".join(c.delta.content or "" for e in events for c in e.choices) == ""
    assert "stop" in finish_reasons(events)


async def test_each_model_has_its_own_behaviour(simulator: Simulator, client: AsyncOpenAI) -> None:
    simulator.model.set_behaviour(MODEL, answer="fixed", answers_as="other/model", usage="no_cost")
    events = await stream(client)
    assert "".join(c.delta.content or "" for e in events for c in e.choices) == "fixed"
    assert {event.model for event in events} == {"other/model"}
    assert events[-1].usage is not None
    assert "cost" not in (events[-1].usage.model_extra or {})
    assert simulator.calls[0].model_used == "other/model"


async def test_a_fault_applies_only_to_its_model_and_prompt(
    simulator: Simulator, client: AsyncOpenAI
) -> None:
    simulator.model.faults.add(ModelFault(kind="status", contains="bad"))
    simulator.model.faults.add(ModelFault(kind="status", model="another/model"))
    assert await stream(client, "good")
    with pytest.raises(openai.InternalServerError):
        await stream(client, "bad")


@pytest.mark.parametrize(
    ("conduct", "model", "status"),
    [({"context_tokens": 5}, MODEL, 400), ({}, "unknown/model", 400)],
)
async def test_impossible_requests_are_refused(
    simulator: Simulator, client: AsyncOpenAI, conduct: dict[str, int], model: str, status: int
) -> None:
    simulator.model.set_behaviour(MODEL, **conduct)
    with pytest.raises(openai.APIStatusError) as raised:
        await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "a long enough question"}]
        )
    assert raised.value.status_code == status


async def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    async with AsyncOpenAI(
        base_url=simulator.model_url, api_key="wrong", max_retries=0
    ) as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stream(stranger)
    assert simulator.counters.llm_calls_started == 0


async def test_a_short_limit_ends_the_answer_with_length(client: AsyncOpenAI) -> None:
    assert "length" in finish_reasons(await stream(client, max_tokens=2))


async def test_calls_are_listed_with_the_digest_of_the_last_user_text(
    simulator: Simulator, client: AsyncOpenAI, http: ClientSession
) -> None:
    await stream(client, "привет")
    async with http.get(f"{simulator.url}/control/calls", params={"model": MODEL}) as response:
        (listed,) = (await response.json())["calls"]
    assert listed["text_sha256"] == hashlib.sha256("привет".encode()).hexdigest()
    assert listed["outcome"] == "answered"
    assert listed["ended_at"] >= listed["first_token_at"] >= listed["started_at"]
    assert listed["cost"] > 0


async def test_models_are_listed_with_their_prices(client: AsyncOpenAI) -> None:
    listed = [model.id async for model in client.models.list()]
    assert MODEL in listed


async def test_comments_come_before_the_first_token(
    simulator: Simulator, http: ClientSession
) -> None:
    async with http.post(
        f"{simulator.model_url}/chat/completions",
        headers={"Authorization": f"Bearer {simulator.api_key}"},
        json={"model": MODEL, "messages": [{"role": "user", "content": "x"}], "stream": True},
    ) as response:
        body = await response.text()
    assert body.startswith(": OPENROUTER PROCESSING\n\n")
    assert body.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("stall", openai.APIConnectionError),
        ("cut", openai.APIConnectionError),
        ("disconnect", openai.APIConnectionError),
        ("malformed", Exception),
        ("error_event", Exception),
        ("status", openai.InternalServerError),
    ],
)
async def test_faults_apply_without_streaming_too(
    simulator: Simulator, client: AsyncOpenAI, kind: str, error: type[Exception]
) -> None:
    simulator.model.faults.add(ModelFault.model_validate({"kind": kind, "seconds": 0.05}))
    answered = None
    with contextlib.suppress(error):
        answered = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "why?"}]
        )
    assert answered is None or not answered.choices
    assert simulator.calls[0].outcome == kind


async def test_a_request_without_messages_is_refused(
    simulator: Simulator, http: ClientSession
) -> None:
    for body in (b"{", b"[]", b'{"model": "m"}', b'{"model": "m", "messages": []}'):
        async with http.post(
            f"{simulator.model_url}/chat/completions",
            headers={"Authorization": f"Bearer {simulator.api_key}"},
            data=body,
        ) as response:
            assert response.status == 400
            assert (await response.json())["error"]["code"] == 400
