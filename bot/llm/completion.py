"""A model's answer and its failures, and what the provider stated about either."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

LARGEST_COUNT = 10**8
"""Of tokens; the sums over a turn's attempts fit into 32 bits."""
MOST_USD = 10**6
"""One request cannot cost more: the provider stated something else."""
SMALLEST_USD = Decimal("1e-10")
"""What the ledger can hold; a smaller cost would become a false zero."""
LONGEST_WORD = 200
CONTENT_FILTER = "content_filter"
"""The finish reason of a text that the provider's filter broke off."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


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
    """There is no such model, or not any more."""
    UNAUTHORIZED = "unauthorized"
    PAYMENT = "payment"
    """The account or the key has no money left."""
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
    ErrorKind.PAYMENT,
    ErrorKind.EMPTY,
}
"""Another model may answer."""


@dataclass(frozen=True)
class Usage:
    """What the provider says a request used. None: it did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: Decimal | None = None

    def updated(self, later: Usage) -> Usage:
        """With what a later statement says; what it leaves out stays as it was."""
        both = {
            field.name: own if stated is None else stated
            for field in fields(self)
            for own, stated in [(getattr(self, field.name), getattr(later, field.name))]
        }
        return Usage(**both)


NO_USAGE = Usage()


@dataclass(frozen=True)
class CallReport:
    """What is known of one request, whatever its outcome."""

    model_used: str | None = None
    finish_reason: str | None = None
    usage: Usage = NO_USAGE
    first_token_at: datetime | None = None
    http_status: int | None = None
    """None: no response had begun."""
    provider_code: str | None = None
    generation_id: str | None = None
    provider_message: str | None = None
    """The provider's sentence about the failure; never that of a moderation."""
    has_left: bool = True
    """False: no connection was established, or the request was not begun."""
    is_refused: bool = False
    """The provider refused it with a 4xx status before anything of an answer."""

    @property
    def is_unpriced(self) -> bool:
        """Whether it may have cost something that nobody stated."""
        if self.usage.cost_usd is not None or not self.has_left:
            return False
        return not (self.is_refused and self.usage == NO_USAGE)


@dataclass(frozen=True)
class Completion:
    """Text that a model gave."""

    text: str
    report: CallReport
    cut_by: ErrorKind | None = None
    """Why the text ends before its end; None when it is whole."""
    is_refusal: bool = False
    """The model declined, in words of its own."""
    is_thinking: bool = False
    """The text is thinking that never came to an answer."""

    @property
    def shortfall(self) -> str | None:
        """Why there would be more to say: `incomplete` (it broke off) or `length`."""
        if self.cut_by is not None or self.report.finish_reason == CONTENT_FILTER:
            return "incomplete"
        return "length" if self.report.finish_reason == "length" else None

    @property
    def outcome(self) -> str:
        """As `llm_calls.outcome` states it."""
        if self.shortfall == "incomplete":
            return "incomplete"
        return "refused" if self.is_refusal else "answered"


class ModelError(Exception):
    """One request failed before it showed any text."""

    def __init__(
        self,
        kind: ErrorKind,
        report: CallReport,
        *,
        retry_after: float | None = None,
        is_adapted: bool = False,
        is_eaten: bool = False,
    ) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.report = report
        self.retry_after = retry_after
        self.is_adapted = is_adapted
        """The model refused a parameter that the next request will not have."""
        self.is_eaten = is_eaten
        """Thinking used up the limit before an answer began."""


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
    """A cost as it was stated; None when no ledger could hold it."""
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
    return amount if SMALLEST_USD <= amount < MOST_USD else None
