"""Streams one completion from an OpenAI-compatible API."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient
from openai.types.chat import ChatCompletionContentPartImageParam, ChatCompletionMessageParam

from bot.llm.completion import (
    Completion,
    ErrorKind,
    ModelError,
    clean_name,
)
from bot.llm.errors import ProviderFailure, parse_failure
from bot.llm.stream import AnswerStream, StreamProgress
from bot.metrics import BotMetrics
from bot.settings import ModelSettings
from common.tracing import span

ChatMessage = ChatCompletionMessageParam
PicturePart = ChatCompletionContentPartImageParam
USAGE_SECONDS = 5.0
"""How long to wait for usage after the end of the answer."""
MAX_LINE_BYTES = 8_000_000
CLOSING_SECONDS = 0.2
"""How long to wait for an orderly end, so that the connection can be reused."""
DROPPABLE = ("reasoning", "temperature", "stream_options")
_UNKNOWN = re.compile(
    r"unsupported|not supported|does ?n.t support|does not support|unknown|unrecogni|unexpected"
    r"|not permitted|not allowed|extra (inputs|fields)",
    re.IGNORECASE,
)

TIMEOUT_ERRORS = (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException)
CONNECTION_ERRORS = (openai.APIConnectionError, httpx2.TransportError, OSError)
MALFORMED_ERRORS = (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, ValueError)
"""A URL or a response that the client cannot parse. To be caught last."""

_sending: ContextVar[AnswerStream | None] = ContextVar("sending", default=None)


async def _note_sending(request: httpx2.Request) -> None:
    """Record when the request is sent: before that it cannot cost anything."""
    answer = _sending.get()

    async def trace(event: str, _info: object) -> None:
        if answer is not None and event.endswith("send_request_headers.started"):
            answer.has_left = True

    request.extensions["trace"] = trace


def connect_model(settings: ModelSettings) -> AsyncOpenAI:
    """A client for the configured API of the models."""
    return connect(
        api_key=settings.openrouter_api_key.get_secret_value(),
        base_url=settings.openrouter_base_url,
        seconds=settings.llm_timeout_seconds,
    )


def connect(*, api_key: str, base_url: str, seconds: float) -> AsyncOpenAI:
    """A client without automatic retries."""
    return AsyncOpenAI(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        timeout=seconds,
        http_client=DefaultAsyncHttpxClient(event_hooks={"request": [_note_sending]}),
    )


def note_request(answer: AnswerStream) -> None:
    """Let `answer` record whether the next request of this task is sent."""
    _sending.set(answer)


def note_failure(answer: AnswerStream, error: openai.APIStatusError) -> ProviderFailure:
    """Record an error status in `answer`."""
    headers = error.response.headers
    name = headers.get("x-generation-id") or headers.get("x-request-id")
    answer.http_status = error.status_code
    answer.generation_id = clean_name(name) if name else None
    failure = _failure(error)
    answer.fail(failure)
    return failure


@dataclass
class _ModelTraits:
    """Properties of one model, learned from its answers."""

    thinks: bool = False
    limit_field: str = "max_tokens"
    refused: set[str] = field(default_factory=set)


class ModelClient:
    """Requests completions from models."""

    def __init__(
        self, client: AsyncOpenAI, *, settings: ModelSettings, metrics: BotMetrics
    ) -> None:
        self._client = client
        self._settings = settings
        self._metrics = metrics
        self._traits: defaultdict[str, _ModelTraits] = defaultdict(_ModelTraits)

    def new_answer(self) -> AnswerStream:
        """An empty answer stream."""
        return AnswerStream(self._settings.openrouter_api_key.get_secret_value())

    def remember_thinking(self, models: Iterable[str]) -> None:
        """Give these models a thinking budget from their first request on."""
        for model in models:
            self._traits[model].thinks = True

    def max_answer_tokens(self, model: str, answer_tokens: int | None = None) -> int:
        """The token limit of one answer by this model, thinking included.

        `answer_tokens`: instead of LLM_MAX_TOKENS.
        """
        settings = self._settings
        thinking = settings.llm_reasoning_tokens if self._traits[model].thinks else 0
        return (answer_tokens or settings.llm_max_tokens) + thinking

    async def complete(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        answer: AnswerStream,
        *,
        seconds: float,
        on_text: Callable[[str], None],
        answer_tokens: int | None = None,
    ) -> Completion:
        """Send one request. `on_text` gets the text so far each time it grows.

        `answer_tokens`: instead of LLM_MAX_TOKENS.

        `answer` is updated as data arrives, and stays valid when this is cancelled. After a failure
        past the first text, the partial text is returned with `cut_by`.

        Raises:
            ModelError: it failed before any text.
        """
        label = self._metrics.model(model)
        self._metrics.llm_requests.labels(label).inc()
        started = time.monotonic()
        status = "cancelled"
        try:
            with span("model call", model=model) as asked:
                body = self._body(model, messages, answer_tokens)
                broken_by = await self._receive(model, body, answer, seconds, on_text)
                completion = answer.completion(broken_by)
                asked.set(
                    model_used=answer.model_used, completion_tokens=answer.usage.completion_tokens
                )
            status = "success" if completion.cut_by is None else "error"
        except ModelError as error:
            status = "error"
            self._metrics.llm_errors.labels(label, error.kind.value).inc()
            raise
        finally:
            self._traits[model].thinks |= answer.has_thought
            self._metrics.llm_duration.labels(label, status).observe(time.monotonic() - started)
        if completion.cut_by is not None:
            self._metrics.llm_errors.labels(label, completion.cut_by.value).inc()
        return completion

    async def is_reachable(self) -> bool:
        """Whether the API responds at all."""
        try:
            await self._client.with_options(timeout=5, max_retries=0).models.list()
        except openai.APIStatusError as error:
            return error.status_code < 500  # noqa: PLR2004 # server errors only
        except (openai.OpenAIError, ValueError):
            return False
        return True

    def _body(
        self, model: str, messages: Sequence[ChatMessage], answer_tokens: int | None
    ) -> dict[str, Any]:
        settings, traits = self._settings, self._traits[model]
        body: dict[str, Any] = {
            "model": model,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            traits.limit_field: self.max_answer_tokens(model, answer_tokens),
        }
        if settings.llm_temperature is not None:
            body["temperature"] = settings.llm_temperature
        if traits.thinks and settings.llm_reasoning_tokens:
            body["reasoning"] = {"max_tokens": settings.llm_reasoning_tokens}
        return {name: value for name, value in body.items() if name not in traits.refused}

    async def _receive(
        self,
        model: str,
        body: dict[str, Any],
        answer: AnswerStream,
        seconds: float,
        on_text: Callable[[str], None],
    ) -> ErrorKind | None:
        """Read the response into `answer`; return why the connection broke, or None.

        Raises:
            ModelError: the provider answered with an error status.
        """
        note_request(answer)
        try:
            await self._read(body, answer, seconds, on_text)
        except openai.APIStatusError as error:
            failure = note_failure(answer, error)
            is_adapted = self._adapt(model, body, failure)
            raise answer.error(failure.kind, is_adapted=is_adapted) from error
        except TIMEOUT_ERRORS:
            return ErrorKind.TIMEOUT
        except CONNECTION_ERRORS:
            return ErrorKind.CONNECTION
        except MALFORMED_ERRORS:
            return ErrorKind.MALFORMED
        return None

    async def _read(
        self,
        body: dict[str, Any],
        answer: AnswerStream,
        seconds: float,
        on_text: Callable[[str], None],
    ) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        silence = self._settings.llm_first_token_seconds
        # The client's own timeout is per read: a slow stream would never exceed it.
        async with (
            asyncio.timeout_at(min(deadline, clock() + silence)) as limit,
            contextlib.aclosing(self._lines(body, answer)) as lines,
        ):
            async for line in lines:
                sign = answer.read_line(line)
                if sign is StreamProgress.TEXT:
                    on_text(answer.shown)
                if answer.is_finished:
                    rest = CLOSING_SECONDS if answer.is_done else USAGE_SECONDS
                    limit.reschedule(min(deadline, clock() + rest))
                elif answer.shown:
                    limit.reschedule(deadline)
                elif sign is StreamProgress.ALIVE:
                    limit.reschedule(min(deadline, clock() + silence))
        if answer.end() is StreamProgress.TEXT:
            on_text(answer.shown)

    async def _lines(self, body: dict[str, Any], answer: AnswerStream) -> AsyncGenerator[str]:
        stream = await self._client.post(
            "/chat/completions",
            body=body,
            # Read line by line here: the library skips comments, which are signs of life, and
            # responses that are not event streams.
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )
        answer.http_status = stream.response.status_code
        if name := stream.response.headers.get("x-generation-id"):
            answer.generation_id = clean_name(name)
        rest = b""
        async with contextlib.aclosing(stream):
            async for part in stream.response.aiter_bytes():
                *lines, rest = (rest + part).split(b"\n")
                if len(rest) > MAX_LINE_BYTES:
                    raise ValueError("a line without an end")
                for line in lines:
                    yield line.decode("utf-8", "replace").removesuffix("\r")
        if rest:
            yield rest.decode("utf-8", "replace")

    def _adapt(self, model: str, body: dict[str, Any], failure: ProviderFailure) -> bool:
        """Remember a parameter that the model rejects; True if the next request will differ."""
        if failure.status not in {400, 422}:
            return False
        traits = self._traits[model]
        said_so = _UNKNOWN.search(failure.text)

        def is_refused(name: str) -> bool:
            return name in body and (
                failure.parameter == name or re.search(rf"\b{name}\b", failure.text) is not None
            )

        if is_refused("max_tokens") and (said_so or "max_completion_tokens" in failure.text):
            traits.limit_field = "max_completion_tokens"
            return True
        dropped = {name for name in DROPPABLE if said_so and is_refused(name)}
        traits.refused |= dropped
        return bool(dropped)


def _failure(error: openai.APIStatusError) -> ProviderFailure:
    text = error.response.text
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = {"message": ""}  # a proxy's error page is not the provider's message
    return parse_failure(body, status=error.status_code, headers=error.response.headers)
