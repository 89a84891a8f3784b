"""The shapes that several reports share: filters, totals, latencies. No SQL, no ClickHouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Filters:
    """Narrow a report to one value per dimension. None does not narrow."""

    bot_id: int | None = None
    chat_type: str | None = None
    language: str | None = None
    model: str | None = None
    """The model that answered, else the one asked."""


NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class Totals:
    """Every figure of one span. Users, latencies and averages cannot be added across spans."""

    # metrics.toml: fields of totals
    user_messages: int
    turns: int
    served_turns: int
    answers: int
    incomplete: int
    failed: int
    rejected: int
    cancelled: int
    edited_questions: int
    command_turns: int
    active_users: int
    served_users: int
    rejected_users: int
    reached_users: int
    new_users: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    fallbacks: int
    answer_parts: int
    flood_waits: int
    flood_wait_ms: int
    pacing_wait_ms: int
    messages_per_user: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    # metrics.toml ends


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period and, when asked for, of the period before."""

    current: Totals
    previous: Totals | None
    previous_since: datetime | None
    previous_until: datetime | None


@dataclass(frozen=True, slots=True)
class ActivityPoint:
    """One bucket of the series. Empty buckets are present with zeros."""

    start: datetime
    """UTC; the bucket's start on the zone's clock, cut at the period's start."""
    # metrics.toml: fields of series
    user_messages: int
    turns: int
    served_turns: int
    answers: int
    failed: int
    rejected: int
    edited_questions: int
    command_turns: int
    active_users: int
    served_users: int
    new_users: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    # metrics.toml ends


@dataclass(frozen=True, slots=True)
class Activity:
    points: tuple[ActivityPoint, ...]
    previous: tuple[ActivityPoint, ...]
    """Points of the period before, in order; empty unless asked for. May be fewer (it is cut)."""


class TopUsersBy(StrEnum):
    MESSAGES = "messages"
    TOKENS = "tokens"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class TopUser:
    user_key: int
    user_messages: int
    turns: int
    answers: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    last_turn_at: datetime


@dataclass(frozen=True, slots=True)
class RecentDialog:
    """A dialog with a turn in the period, as the ledger knows it: no text, no name."""

    dialog_id: str
    bot_id: int
    user_key: int
    """The person of the dialog's latest turn (a group's dialog has several)."""
    users: int
    chat_type: str
    language: str | None
    turns: int
    user_messages: int
    answers: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    first_turn_at: datetime
    last_turn_at: datetime
    last_status: str
    last_model: str | None


@dataclass(frozen=True, slots=True)
class DialogPage:
    dialogs: tuple[RecentDialog, ...]
    """Newest last turn first."""
    next_cursor: str | None
    """Opaque; None on the last page."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model that answered, or was asked.

    Turns are booked on the model that answered, else on the one asked; only `asked_turns`,
    `handed_over` and `fallback_rate` are by the model asked.
    """

    model: str
    """Empty: no model was asked (rejected turns)."""
    turns: int
    served_turns: int
    """Turns that reached a model."""
    answers: int
    failed: int
    incomplete: int
    fallbacks: int
    """Turns booked here that were handed over: answered in place of another model, or, when no
    model answered, asked of this one first."""
    share: float
    """Part of all turns of the period, 0 to 1."""
    error_rate: float | None
    """Failed turns by turns that reached a model."""
    asked_turns: int
    """Turns that reached a model and for which this one was asked first."""
    handed_over: int
    """Of these, turns handed to another model."""
    fallback_rate: float | None
    """`handed_over` by `asked_turns`."""
    active_users: int
    prompt_tokens: int
    completion_tokens: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    cost_per_answer_usd: Decimal | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    ttft_p99_ms: float | None


@dataclass(frozen=True, slots=True)
class CauseRow:
    """How often one cause led to a fallback or to an outcome that is no whole answer."""

    kind: str
    """`fallback`, or `outcome` (why turns failed, were rejected, cancelled or cut short)."""
    cause: str
    model: str
    """Of a fallback the model asked; else the one that answered, or was asked when none did.
    Empty: no model was asked."""
    turns: int
    rate: float
    """Of a fallback by the model's `asked_turns`; else by its `turns`."""


@dataclass(frozen=True, slots=True)
class Models:
    models: tuple[ModelRow, ...]
    """Most turns first."""
    causes: tuple[CauseRow, ...]
    """Most turns first."""
