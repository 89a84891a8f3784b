"""Parses one answer line by line: text, thinking, usage and errors.

Understands event streams and whole JSON bodies of OpenAI-compatible servers.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from bot.llm.completion import (
    CONTENT_FILTER,
    NO_USAGE,
    CallReport,
    Completion,
    ErrorKind,
    ModelError,
    Usage,
    clean_name,
    read_usage,
)
from bot.llm.errors import ProviderFailure, parse_failure
from bot.llm.thinking import split_thinking, text_to_keep, visible_part

MAX_BODY_CHARACTERS = 8_000_000
THINKING_FIELDS = ("reasoning", "reasoning_content", "reasoning_details")
OTHER_FIELDS = ("tool_calls", "images", "audio")
_FIELD = re.compile(r"(data|event|id|retry)(?::|$)|:")
_INVISIBLE = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*")


class StreamProgress(Enum):
    """The meaning of a line for the answer's progress."""

    NOTHING = auto()
    ALIVE = auto()
    """A comment, thinking, or another sign of work."""
    TEXT = auto()


class AnswerStream:
    """The part of one answer that has arrived.

    Args:
        secret: the API key, removed from reports.
        clock: seconds, for `generation_ms`.
    """

    def __init__(self, secret: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        self.has_left = False
        self.http_status: int | None = None
        self.generation_id: str | None = None
        self.model_used: str | None = None
        self.finish_reason: str | None = None
        self.usage: Usage = NO_USAGE
        self.failure: ProviderFailure | None = None
        self.has_thought = False
        self.is_done = False
        """The provider said that the stream is complete."""
        self.shown = ""
        """The text that can be shown so far."""
        self.first_token_at: datetime | None = None
        self._clock = clock
        self._grown_at: list[float] = []
        """When the first and the last visible text came."""
        self._secret = secret
        self._content = ""
        self._refusal = ""
        self._is_damaged = False
        self._event = ""
        self._body: list[str] | None = None
        self._body_characters = 0

    @property
    def is_finished(self) -> bool:
        """Whether only usage can follow."""
        return self.is_done or self.finish_reason is not None

    @property
    def text(self) -> str:
        """The model's text, including thinking in tags."""
        return self._content if _is_visible(self._content) else self._refusal

    @property
    def generation_ms(self) -> int:
        """From the first to the last visible text.

        0 if it came in one piece, or if unknown how many of its tokens were thinking.
        """
        has_thought = self.has_thought or bool(split_thinking(self.text).thinking)
        if not self._grown_at or (has_thought and not self.usage.reasoning_tokens):
            return 0
        return round(1000 * (self._grown_at[-1] - self._grown_at[0]))

    def read_line(self, line: str) -> StreamProgress:
        """Parse one line of the response."""
        if self._body is not None:
            return self._read_body(line)
        if not line.strip():
            # The event ended before its JSON was complete.
            self._is_damaged |= bool(self._event)
            self._event = ""
            return StreamProgress.NOTHING
        line = line.removeprefix("\ufeff")
        if not _FIELD.match(line):
            self._body = []
            return self._read_body(line)
        if not line.startswith("data:"):
            return StreamProgress.ALIVE if line.startswith(":") else StreamProgress.NOTHING
        return self._read_data(line.removeprefix("data:").removeprefix(" "))

    def end(self) -> StreamProgress:
        """Parse what is left when the response has ended, such as a JSON body."""
        self._is_damaged |= bool(self._event)
        if self._body is None:
            return StreamProgress.NOTHING
        body = _parsed("".join(self._body))
        self.is_done = isinstance(body, dict)
        return self._take(body)

    def fail(self, failure: ProviderFailure) -> None:
        """Record an error response."""
        self.failure = failure
        self.usage = self.usage.updated(failure.usage)

    def report(self) -> CallReport:
        """The facts about the request so far."""
        failure = self.failure
        message = failure.message if failure else None
        if message and self._secret:
            message = message.replace(self._secret, "[key]")
        return CallReport(
            model_used=self.model_used,
            finish_reason=self.finish_reason,
            usage=self.usage,
            first_token_at=self.first_token_at,
            http_status=self.http_status,
            provider_code=failure.code if failure else None,
            generation_id=self.generation_id,
            provider_message=message,
            has_left=self.has_left,
            is_refused=failure is not None and failure.is_refusal and not self._has_begun,
        )

    def completion(self, broken_by: ErrorKind | None = None) -> Completion:
        """The answer after the end of the response. `broken_by`: why the connection broke.

        Raises:
            ModelError: there is no text.
        """
        kind = self._problem(broken_by)
        split = split_thinking(self.text)
        self.has_thought |= bool(split.thinking.strip())
        is_thinking = split.is_open and kind is None
        text = text_to_keep(self.text) if is_thinking else split.answer
        if not _is_visible(text):
            raise self.error(kind or self._emptiness())
        return Completion(
            text,
            self.report(),
            cut_by=kind,
            is_refusal=not _is_visible(self._content),
            is_thinking=is_thinking,
        )

    def error(self, kind: ErrorKind, *, is_adapted: bool = False) -> ModelError:
        """The exception for this failed request."""
        return ModelError(
            kind,
            self.report(),
            retry_after=self.failure.retry_after if self.failure else None,
            is_adapted=is_adapted,
            limit_used_by_thinking=kind is ErrorKind.EMPTY
            and self.finish_reason == "length"
            and self.has_thought,
        )

    def _problem(self, broken_by: ErrorKind | None) -> ErrorKind | None:
        if self.failure is not None:
            return self.failure.kind
        if self.finish_reason == "error":
            return ErrorKind.SERVER_ERROR
        if self._is_damaged:
            return ErrorKind.MALFORMED
        return None if self.is_finished else broken_by or ErrorKind.CUT

    def _emptiness(self) -> ErrorKind:
        is_filtered = self.finish_reason == CONTENT_FILTER
        return ErrorKind.MODERATION if is_filtered else ErrorKind.EMPTY

    @property
    def _has_begun(self) -> bool:
        return bool(self.text) or self.has_thought or self.usage != NO_USAGE

    def _read_body(self, line: str) -> StreamProgress:
        self._body_characters += len(line)
        if self._body is not None and self._body_characters <= MAX_BODY_CHARACTERS:
            self._body.append(line + "\n")
        return StreamProgress.NOTHING

    def _read_data(self, data: str) -> StreamProgress:
        if data.strip() == "[DONE]":
            self.is_done = True
            return StreamProgress.ALIVE
        # Usually complete; otherwise the event continues in the next line.
        whole = f"{self._event}\n{data}" if self._event else data
        if len(whole) > MAX_BODY_CHARACTERS:
            self._is_damaged, self._event = True, ""
            return StreamProgress.NOTHING
        chunk = _parsed(whole)
        if chunk is None:
            self._event = whole
            return StreamProgress.NOTHING
        self._event = ""
        return self._take(chunk)

    def _take(self, chunk: Any) -> StreamProgress:
        if not isinstance(chunk, dict):
            self._is_damaged = True
            return StreamProgress.NOTHING
        if isinstance(model := chunk.get("model"), str) and model:
            self.model_used = clean_name(model)
        if self.generation_id is None and isinstance(name := chunk.get("id"), str) and name:
            self.generation_id = clean_name(name)
        if (usage := chunk.get("usage")) is not None:
            self.usage = self.usage.updated(read_usage(usage))
            self.has_thought |= bool(self.usage.reasoning_tokens)
        sign = StreamProgress.NOTHING
        choices = chunk.get("choices") or []
        if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices):
            self._is_damaged = True
            return StreamProgress.NOTHING
        for choice in choices[:1]:
            sign = self._take_choice(choice)
        if chunk.get("error") or chunk.get("object") == "error":
            self.fail(parse_failure({**chunk, "usage": None}))
        return sign

    def _take_choice(self, choice: dict[str, Any]) -> StreamProgress:
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            self.finish_reason = clean_name(reason)
        if choice.get("error"):
            self.fail(parse_failure({"error": choice["error"]}))
        delta = choice.get("delta") or choice.get("message") or {}
        if not isinstance(delta, dict):
            self._is_damaged = True
            return StreamProgress.NOTHING
        thinks = any(delta.get(field) for field in THINKING_FIELDS)
        text, refusal, thinks_in_parts = _content(delta.get("content"))
        self.has_thought |= thinks or thinks_in_parts
        if isinstance(more := delta.get("refusal"), str):
            refusal += more
        if text or refusal:
            return self._grow(text, refusal)
        is_alive = thinks or thinks_in_parts or any(delta.get(field) for field in OTHER_FIELDS)
        return StreamProgress.ALIVE if is_alive else StreamProgress.NOTHING

    def _grow(self, text: str, refusal: str) -> StreamProgress:
        if self._is_damaged:
            return StreamProgress.ALIVE  # text after a gap is not part of the answer
        self._content = _joined(self._content, text)
        self._refusal = _joined(self._refusal, refusal)
        before, self.shown = self.shown, visible_part(_without_half(self.text))
        if not _is_visible(self.shown):
            return StreamProgress.ALIVE
        self._grown_at[1:] = [self._clock()]
        return StreamProgress.TEXT if self.shown != before else StreamProgress.ALIVE


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def _content(content: Any) -> tuple[str, str, bool]:
    """Text, refusal and whether there was thinking, from content of any known type."""
    if isinstance(content, str):
        return content, "", False
    parts = content if isinstance(content, list) else [content]
    text = refusal = ""
    thinks = False
    for part in parts:
        if isinstance(part, str):
            text += part
        elif isinstance(part, dict):
            kind = part.get("type", "text")
            if kind in {"text", "output_text"} and isinstance(part.get("text"), str):
                text += part["text"]
            elif kind == "refusal" and isinstance(part.get("refusal"), str):
                refusal += part["refusal"]
            thinks |= kind in {"thinking", "reasoning", "redacted_thinking"}
    return text, refusal, thinks


def _joined(text: str, more: str) -> str:
    """Concatenate, merging a surrogate pair that was split over two chunks."""
    if not (text and more and _is_high(text[-1]) and "\udc00" <= more[0] <= "\udfff"):
        return text + more
    whole = (text[-1] + more[0]).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    return text[:-1] + whole + more[1:]


def _without_half(text: str) -> str:
    return text[:-1] if text and _is_high(text[-1]) else text


def _is_high(character: str) -> bool:
    return "\ud800" <= character <= "\udbff"


def _is_visible(text: str) -> bool:
    return _INVISIBLE.fullmatch(text) is None
