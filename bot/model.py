"""The model behind an OpenAI-compatible address: one request, streamed. Knows no turns."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionMessageParam

from bot.completion import (
    Completion,
    ErrorKind,
    ModelError,
    Usage,
    as_model_error,
    as_word,
    read_usage,
)
from bot.metrics import Metrics
from common.tracing import span

ChatMessage = ChatCompletionMessageParam


@dataclass
class _Growing:
    """What has arrived of one answer."""

    text: str = ""
    model_used: str | None = None
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)

    def completion(self, cut_by: ErrorKind | None) -> Completion:
        return Completion(self.text, self.model_used, self.finish_reason, self.usage, cut_by)


class Model:
    """Asks models for answers.

    Args:
        first_token_seconds: how long one request may stay silent.
    """

    def __init__(
        self,
        client: AsyncOpenAI,
        *,
        metrics: Metrics,
        first_token_seconds: float,
        max_tokens: int,
        temperature: float | None = None,
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._first_token_seconds = first_token_seconds
        self._max_tokens = max_tokens
        self._temperature = temperature

    async def ask(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        *,
        seconds: float,
        on_text: Callable[[str], None],
    ) -> Completion:
        """One request. `on_text` gets the whole text so far each time it grows.

        A failure after the first text returns what there is, with `cut_by`.

        Raises:
            ModelError: it failed before any text.
        """
        label = self._metrics.model(model)
        self._metrics.llm_requests.labels(label).inc()
        started = time.monotonic()
        growing = _Growing()
        status = "cancelled"
        cut_by = None
        try:
            with span("model call", model=model) as asked:
                await self._ask(model, messages, growing, seconds=seconds, on_text=on_text)
                asked.set(
                    model_used=growing.model_used, completion_tokens=growing.usage.completion_tokens
                )
            status = "success"
        except ModelError as error:
            status = "error"
            self._metrics.llm_errors.labels(label, error.kind.value).inc()
            if not growing.text:
                raise
            cut_by = error.kind
        finally:
            self._metrics.llm_duration.labels(label, status).observe(time.monotonic() - started)
        return growing.completion(cut_by)

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
        body: dict[str, Any] = {
            "model": model,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": self._max_tokens,
        }
        if self._temperature is not None:
            body["temperature"] = self._temperature
        return body

    async def _ask(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        growing: _Growing,
        *,
        seconds: float,
        on_text: Callable[[str], None],
    ) -> None:
        # The client's own timeout is per read: a slow drip would never trip it.
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        try:
            async with asyncio.timeout_at(
                min(deadline, clock() + self._first_token_seconds)
            ) as limit:
                stream = await self._client.post(
                    "/chat/completions",
                    body=self._body(model, messages),
                    # As plain JSON: the library's models of a chunk cost more than the rest of
                    # a turn. Its errors, also those inside the stream, stay the same.
                    cast_to=object,
                    stream=True,
                    stream_cls=AsyncStream[object],
                )
                async with contextlib.aclosing(stream):
                    async for chunk in stream:
                        if _take(growing, chunk):
                            limit.reschedule(deadline)
                            if growing.text:
                                on_text(growing.text)
        except TimeoutError as error:
            raise ModelError(ErrorKind.TIMEOUT, usage=growing.usage) from error
        except openai.OpenAIError as error:
            raise as_model_error(error, growing.usage) from error
        except (ValueError, TypeError, AttributeError, KeyError, OSError) as error:
            # The library passes on what it could not parse as raw errors of these kinds.
            raise ModelError(ErrorKind.MALFORMED, usage=growing.usage) from error
        _refuse_unfinished(growing)


def _refuse_unfinished(growing: _Growing) -> None:
    if growing.finish_reason == "error":
        growing.finish_reason = None
        raise ModelError(ErrorKind.SERVER_ERROR, usage=growing.usage)
    if growing.text.strip():
        if growing.finish_reason is None:
            raise ModelError(ErrorKind.CUT, usage=growing.usage)
        return
    growing.text = ""
    if growing.finish_reason is None:
        raise ModelError(ErrorKind.CUT, usage=growing.usage)
    if growing.finish_reason == "content_filter":
        raise ModelError(ErrorKind.MODERATION, usage=growing.usage)
    raise ModelError(ErrorKind.EMPTY, usage=growing.usage)


def _take(growing: _Growing, chunk: Any) -> bool:
    """Add one chunk; True when it carried text or thinking.

    Raises:
        AttributeError, TypeError: it is no chunk.
    """
    if isinstance(model := chunk.get("model"), str):
        growing.model_used = as_word(model)
    if (usage := chunk.get("usage")) is not None:
        growing.usage = read_usage(usage)
    progressed = False
    for choice in chunk.get("choices") or []:
        delta = choice.get("delta") or {}
        content = delta.get("content")
        if isinstance(content, str) and content:
            growing.text += content
            progressed = True
        elif delta.get("reasoning") or delta.get("reasoning_content"):
            progressed = True
        if isinstance(reason := choice.get("finish_reason"), str):
            growing.finish_reason = as_word(reason)
    return progressed
