"""A model's answer, its failures, and the usage that the provider stated."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from common.text import clean_text

MAX_COUNT = 10**8
"""Maximum token count; sums over a turn's attempts fit into 32 bits."""
MAX_SECONDS = 10**5
MAX_USD = 10**6
"""One request cannot cost more: a higher value is not a cost."""
MIN_USD = Decimal("1e-10")
"""The ledger's resolution; a smaller cost would be rounded to zero."""
MAX_NAME_CHARACTERS = 200
CONTENT_FILTER = "content_filter"
"""The finish reason of a text that the provider's filter cut off."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


class ErrorKind(StrEnum):
    """Why a request failed. Stored in `llm_calls.outcome` and used as a metric label."""

    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    MALFORMED = "malformed"
    CUT = "cut"
    """The stream ended without saying that it was finished."""
    CONTEXT_LENGTH = "context_length"
    MODERATION = "moderation"
    NOT_FOUND = "not_found"
    """The model does not exist or was removed."""
    UNAUTHORIZED = "unauthorized"
    PAYMENT = "payment"
    """The account or key has no credit left."""
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
"""Worth retrying with the same model."""
FALLS_BACK = RETRYABLE | {
    ErrorKind.TIMEOUT,
    ErrorKind.CONTEXT_LENGTH,
    ErrorKind.MODERATION,
    ErrorKind.NOT_FOUND,
    ErrorKind.PAYMENT,
    ErrorKind.EMPTY,
}
"""Worth trying another model."""


@dataclass(frozen=True)
class Usage:
    """Tokens and cost of a request as the provider states them. None: not stated."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: Decimal | None = None
    image_tokens: int | None = None
    audio_tokens: int | None = None
    audio_seconds: Decimal | None = None
    """The length of what was transcribed."""

    def updated(self, later: Usage) -> Usage:
        """Merge a later statement; values it omits are kept."""
        both = {
            field.name: own if stated is None else stated
            for field in fields(self)
            for own, stated in [(getattr(self, field.name), getattr(later, field.name))]
        }
        return Usage(**both)


NO_USAGE = Usage()


@dataclass(frozen=True)
class CallReport:
    """The facts about one request, whatever its outcome."""

    model_used: str | None = None
    finish_reason: str | None = None
    usage: Usage = NO_USAGE
    first_token_at: datetime | None = None
    http_status: int | None = None
    """None: no response was received."""
    provider_code: str | None = None
    generation_id: str | None = None
    provider_message: str | None = None
    """The provider's error message; omitted for moderation errors."""
    has_left: bool = True
    """False: the request was not sent."""
    is_refused: bool = False
    """The provider rejected it with a 4xx status before any part of an answer."""

    @property
    def is_unpriced(self) -> bool:
        """Whether it may have cost something, but no cost was stated."""
        if self.usage.cost_usd is not None or not self.has_left:
            return False
        return not (self.is_refused and self.usage == NO_USAGE)


@dataclass(frozen=True)
class Completion:
    """A model's text."""

    text: str
    report: CallReport
    cut_by: ErrorKind | None = None
    """Why the text is incomplete; None if it is complete."""
    is_refusal: bool = False
    """The text is the model's own refusal."""
    is_thinking: bool = False
    """The text is thinking without an answer."""

    @property
    def shortfall(self) -> str | None:
        """Why the answer is not complete: `incomplete` (it broke off) or `length`, or None."""
        if self.cut_by is not None or self.report.finish_reason == CONTENT_FILTER:
            return "incomplete"
        return "length" if self.report.finish_reason == "length" else None

    @property
    def outcome(self) -> str:
        """The value for `llm_calls.outcome`."""
        if self.shortfall == "incomplete":
            return "incomplete"
        return "refused" if self.is_refusal else "answered"


class ModelError(Exception):
    """A request failed before any text arrived."""

    def __init__(
        self,
        kind: ErrorKind,
        report: CallReport,
        *,
        retry_after: float | None = None,
        is_adapted: bool = False,
        limit_used_by_thinking: bool = False,
    ) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.report = report
        self.retry_after = retry_after
        self.is_adapted = is_adapted
        """The model rejected a parameter; the next request will omit it."""
        self.limit_used_by_thinking = limit_used_by_thinking
        """Thinking used up the token limit before an answer began."""


def clean_name(stated: str) -> str:
    """A name stated by the provider, cleaned for the database."""
    return clean_text(stated)[:MAX_NAME_CHARACTERS]


def read_usage(raw: Any) -> Usage:
    """Parse a `usage` object; values of the wrong type are unknown."""
    usage = _mapping(raw)
    # Transcriptions have other names for the same.
    prompt = _mapping(usage.get("prompt_tokens_details") or usage.get("input_token_details"))
    completion = _mapping(usage.get("completion_tokens_details"))
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens", usage.get("input_tokens"))),
        completion_tokens=_count(usage.get("completion_tokens", usage.get("output_tokens"))),
        cached_tokens=_count(prompt.get("cached_tokens")),
        reasoning_tokens=_count(completion.get("reasoning_tokens")),
        cost_usd=_money(usage.get("cost")),
        image_tokens=_count(prompt.get("image_tokens")),
        audio_tokens=_count(prompt.get("audio_tokens")),
        audio_seconds=read_seconds(usage.get("seconds")),
    )


def read_seconds(value: Any) -> Decimal | None:
    """A stated length of sound; None if it is out of range."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    seconds = Decimal(str(value))
    return seconds if seconds.is_finite() and 0 <= seconds <= MAX_SECONDS else None


def _mapping(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= MAX_COUNT else None


def _money(value: Any) -> Decimal | None:
    """A stated cost; None if it is out of range."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    stated = str(value).strip()
    if not _NUMBER.fullmatch(stated):
        return None
    try:
        amount = Decimal(stated)
    except InvalidOperation:
        return None
    if amount == 0:
        return Decimal(0)
    return amount if MIN_USD <= amount < MAX_USD else None
