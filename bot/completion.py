"""A model's answer and its failures, read from whatever the provider states."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import openai

LARGEST_COUNT = 2**31 - 1
LONGEST_WORD = 200
CONTENT_FILTER = "content_filter"
"""The finish reason of a text that the provider's filter broke off."""
CONTEXT_LENGTH = re.compile(
    r"context.{0,3}(length|window)|maximum context|too many tokens", re.IGNORECASE
)
MODERATION = re.compile(r"moderat|flagged|content.?(policy|filter)|safety", re.IGNORECASE)


class ErrorKind(StrEnum):
    """Why a request to a model failed. Also the values of `llm_calls.outcome` and a metric."""

    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    MALFORMED = "malformed"
    CUT = "cut"
    """The stream ended before it said that it was finished."""
    CONTEXT_LENGTH = "context_length"
    MODERATION = "moderation"
    NOT_FOUND = "not_found"
    UNAUTHORIZED = "unauthorized"
    PAYMENT = "payment"
    BAD_REQUEST = "bad_request"
    EMPTY = "empty"


RETRYABLE = frozenset(
    {
        ErrorKind.RATE_LIMITED,
        ErrorKind.SERVER_ERROR,
        ErrorKind.CONNECTION,
        ErrorKind.MALFORMED,
        ErrorKind.CUT,
    }
)
"""The same model may answer a moment later."""
FALLS_BACK = RETRYABLE | {
    ErrorKind.TIMEOUT,
    ErrorKind.CONTEXT_LENGTH,
    ErrorKind.MODERATION,
    ErrorKind.NOT_FOUND,
}
"""Another model may answer."""
_BY_STATUS = {
    401: ErrorKind.UNAUTHORIZED,
    402: ErrorKind.PAYMENT,
    403: ErrorKind.UNAUTHORIZED,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    413: ErrorKind.CONTEXT_LENGTH,
    429: ErrorKind.RATE_LIMITED,
}


@dataclass(frozen=True)
class Usage:
    """What the provider says a request used. None: it did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: Decimal | None = None


@dataclass(frozen=True)
class Completion:
    """Text that a model gave."""

    text: str
    model_used: str | None
    finish_reason: str | None
    usage: Usage
    cut_by: ErrorKind | None = None
    """Why the text ends before its end; None when it is whole."""
    first_token_at: datetime | None = None

    @property
    def shortfall(self) -> str | None:
        """Why there would be more to say: `incomplete` (it broke off) or `length`."""
        if self.cut_by is not None or self.finish_reason == CONTENT_FILTER:
            return "incomplete"
        return "length" if self.finish_reason == "length" else None


class ModelError(Exception):
    """One request failed before it showed any text."""

    def __init__(
        self, kind: ErrorKind, *, retry_after: float | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.retry_after = retry_after
        self.usage = usage or Usage()


def as_word(stated: str) -> str:
    """A name as the provider states it, fit for a column."""
    return stated.encode("utf-8", "replace").decode().replace("\x00", "")[:LONGEST_WORD]


def read_usage(raw: Any) -> Usage:
    """What a `usage` object states; anything of another shape is unknown."""
    usage = _mapping(raw)
    prompt = _mapping(usage.get("prompt_tokens_details"))
    completion = _mapping(usage.get("completion_tokens_details"))
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(prompt.get("cached_tokens")),
        reasoning_tokens=_count(completion.get("reasoning_tokens")),
        cost_usd=_money(usage.get("cost")),
    )


def _mapping(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= LARGEST_COUNT else None


def _money(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < 10**6 else None


def as_model_error(error: openai.OpenAIError, usage: Usage) -> ModelError:
    if isinstance(error, openai.APITimeoutError):
        return ModelError(ErrorKind.TIMEOUT, usage=usage)
    if isinstance(error, openai.APIConnectionError):
        return ModelError(ErrorKind.CONNECTION, usage=usage)
    if isinstance(error, openai.APIStatusError):
        kind = _kind(error.status_code, f"{error.code} {error.message} {error.body}")
        return ModelError(kind, retry_after=_retry_after(error), usage=usage)
    if isinstance(error, openai.APIError):
        # An `error` event inside a stream that began with HTTP 200.
        body = error.body if isinstance(error.body, dict) else {}
        code = str(body.get("code", error.code))
        status = int(code) if code.isascii() and code.isdigit() else 500
        return ModelError(_kind(status, f"{code} {error.message}"), usage=usage)
    return ModelError(ErrorKind.MALFORMED, usage=usage)


def _kind(status: int, words: str) -> ErrorKind:
    if status in {400, 413, 422} and CONTEXT_LENGTH.search(words):
        return ErrorKind.CONTEXT_LENGTH
    if status in {400, 403, 422, 451} and MODERATION.search(words):
        return ErrorKind.MODERATION
    if status >= 500:  # noqa: PLR2004 # the server's own class of errors
        return ErrorKind.CONTEXT_LENGTH if CONTEXT_LENGTH.search(words) else ErrorKind.SERVER_ERROR
    return _BY_STATUS.get(status, ErrorKind.BAD_REQUEST)


def _retry_after(error: openai.APIStatusError) -> float | None:
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
