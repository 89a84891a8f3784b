"""The model behind an OpenAI-compatible address: one request, streamed. Knows no turns."""

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
from openai.types.chat import ChatCompletionMessageParam

from bot.llm.completion import (
    Completion,
    ErrorKind,
    ModelError,
    as_word,
)
from bot.llm.errors import Failure, read_failure
from bot.llm.stream import AnswerStream, Sign
from bot.metrics import Metrics
from bot.settings import ModelSettings
from common.tracing import span

ChatMessage = ChatCompletionMessageParam
USAGE_SECONDS = 5.0
"""How long the statement of usage may come after the answer's end."""
LONGEST_LINE_BYTES = 8_000_000
CLOSING_SECONDS = 0.2
"""How long the connection is given to end in order, so that it can be used again."""
DROPPABLE = ("reasoning", "temperature", "stream_options")
_UNKNOWN = re.compile(
    r"unsupported|not supported|does ?n.t support|does not support|unknown|unrecogni|unexpected"
    r"|not permitted|not allowed|extra (inputs|fields)",
    re.IGNORECASE,
)

_sending: ContextVar[AnswerStream | None] = ContextVar("sending", default=None)


async def _follow(request: httpx2.Request) -> None:
    """Note when the request leaves: until then nobody can charge for it."""
    answer = _sending.get()

    async def trace(event: str, _info: object) -> None:
        if answer is not None and event.endswith("send_request_headers.started"):
            answer.has_left = True

    request.extensions["trace"] = trace


def connect_model(settings: ModelSettings) -> AsyncOpenAI:
    """The client of the configured address; it repeats nothing by itself."""
    return AsyncOpenAI(
        api_key=settings.openrouter_api_key.get_secret_value(),
        base_url=settings.openrouter_base_url,
        max_retries=0,
        timeout=settings.llm_timeout_seconds,
        http_client=DefaultAsyncHttpxClient(event_hooks={"request": [_follow]}),
    )


@dataclass
class _Habits:
    """What one model was seen to want."""

    thinks: bool = False
    limit_field: str = "max_tokens"
    refused: set[str] = field(default_factory=set)


class Model:
    """Asks models for answers."""

    def __init__(self, client: AsyncOpenAI, *, settings: ModelSettings, metrics: Metrics) -> None:
        self._client = client
        self._settings = settings
        self._metrics = metrics
        self._habits: defaultdict[str, _Habits] = defaultdict(_Habits)

    def new_answer(self) -> AnswerStream:
        """An answer of which nothing has arrived."""
        return AnswerStream(self._settings.openrouter_api_key.get_secret_value())

    def remember_thinking(self, models: Iterable[str]) -> None:
        """These models think: they get room for it from the first request on."""
        for model in models:
            self._habits[model].thinks = True

    def most_tokens(self, model: str) -> int:
        """The most that one answer of this model may have, thinking included."""
        settings = self._settings
        thinking = settings.llm_reasoning_tokens if self._habits[model].thinks else 0
        return settings.llm_max_tokens + thinking

    async def ask(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        answer: AnswerStream,
        *,
        seconds: float,
        on_text: Callable[[str], None],
    ) -> Completion:
        """One request. `on_text` gets the whole text so far each time it grows.

        `answer` follows what arrives, also for who cancels this. A failure after the first text
        returns what there is, with `cut_by`.

        Raises:
            ModelError: it failed before any text.
        """
        label = self._metrics.model(model)
        self._metrics.llm_requests.labels(label).inc()
        started = time.monotonic()
        status = "cancelled"
        try:
            with span("model call", model=model) as asked:
                broken_by = await self._receive(model, messages, answer, seconds, on_text)
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
            self._habits[model].thinks |= answer.has_thought
            self._metrics.llm_duration.labels(label, status).observe(time.monotonic() - started)
        if completion.cut_by is not None:
            self._metrics.llm_errors.labels(label, completion.cut_by.value).inc()
        return completion

    async def is_reachable(self) -> bool:
        """Whether the address answers at all."""
        try:
            await self._client.with_options(timeout=5, max_retries=0).models.list()
        except openai.APIStatusError as error:
            return error.status_code < 500  # noqa: PLR2004 # it answered, whatever it said
        except (openai.OpenAIError, ValueError):
            return False
        return True

    def _body(self, model: str, messages: Sequence[ChatMessage]) -> dict[str, Any]:
        settings, habits = self._settings, self._habits[model]
        body: dict[str, Any] = {
            "model": model,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            habits.limit_field: self.most_tokens(model),
        }
        if settings.llm_temperature is not None:
            body["temperature"] = settings.llm_temperature
        if habits.thinks and settings.llm_reasoning_tokens:
            body["reasoning"] = {"max_tokens": settings.llm_reasoning_tokens}
        return {name: value for name, value in body.items() if name not in habits.refused}

    async def _receive(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        answer: AnswerStream,
        seconds: float,
        on_text: Callable[[str], None],
    ) -> ErrorKind | None:
        """Read the response into `answer`; why the connection ended before its end.

        Raises:
            ModelError: the provider answered with an error status.
        """
        body = self._body(model, messages)
        _sending.set(answer)
        try:
            await self._read(body, answer, seconds, on_text)
        except openai.APIStatusError as error:
            headers = error.response.headers
            name = headers.get("x-generation-id") or headers.get("x-request-id")
            answer.http_status = error.status_code
            answer.generation_id = as_word(name) if name else None
            failure = _failure(error)
            answer.fail(failure)
            is_adapted = self._adapt(model, body, failure)
            raise answer.error(failure.kind, is_adapted=is_adapted) from error
        except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException):
            return ErrorKind.TIMEOUT
        except (openai.APIConnectionError, httpx2.TransportError, OSError):
            return ErrorKind.CONNECTION
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, ValueError):
            # An address or a response that the client cannot make sense of.
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
        # The client's own timeout is per read: a slow drip would never trip it.
        async with (
            asyncio.timeout_at(min(deadline, clock() + silence)) as limit,
            contextlib.aclosing(self._lines(body, answer)) as lines,
        ):
            async for line in lines:
                sign = answer.read_line(line)
                if sign is Sign.TEXT:
                    on_text(answer.shown)
                if answer.is_finished:
                    rest = CLOSING_SECONDS if answer.is_done else USAGE_SECONDS
                    limit.reschedule(min(deadline, clock() + rest))
                elif answer.shown:
                    limit.reschedule(deadline)
                elif sign is Sign.ALIVE:
                    limit.reschedule(min(deadline, clock() + silence))
        if answer.end() is Sign.TEXT:
            on_text(answer.shown)

    async def _lines(self, body: dict[str, Any], answer: AnswerStream) -> AsyncGenerator[str]:
        stream = await self._client.post(
            "/chat/completions",
            body=body,
            # Read here line by line: the library passes over comments, which are signs of life,
            # and over answers that are no events.
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )
        answer.http_status = stream.response.status_code
        if name := stream.response.headers.get("x-generation-id"):
            answer.generation_id = as_word(name)
        rest = b""
        async with contextlib.aclosing(stream):
            async for part in stream.response.aiter_bytes():
                *lines, rest = (rest + part).split(b"\n")
                if len(rest) > LONGEST_LINE_BYTES:
                    raise ValueError("a line without an end")
                for line in lines:
                    yield line.decode("utf-8", "replace").removesuffix("\r")
        if rest:
            yield rest.decode("utf-8", "replace")

    def _adapt(self, model: str, body: dict[str, Any], failure: Failure) -> bool:
        """Remember a parameter that the model refuses; True when the next request differs."""
        if failure.status not in {400, 422}:
            return False
        habits = self._habits[model]
        said_so = _UNKNOWN.search(failure.words)

        def is_refused(name: str) -> bool:
            return name in body and (
                failure.parameter == name or re.search(rf"\b{name}\b", failure.words) is not None
            )

        if is_refused("max_tokens") and (said_so or "max_completion_tokens" in failure.words):
            habits.limit_field = "max_completion_tokens"
            return True
        dropped = {name for name in DROPPABLE if said_so and is_refused(name)}
        habits.refused |= dropped
        return bool(dropped)


def _failure(error: openai.APIStatusError) -> Failure:
    text = error.response.text
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = {"message": ""}  # a page of a proxy is nobody's sentence
    return read_failure(body, status=error.status_code, headers=error.response.headers)
