"""Generates a plausible finished turn for a message."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from simulator.model.answers import count_tokens, make_answer

ANSWERS = 400
"""Distinct answers, generated once and reused."""
SYSTEM_TOKENS = 60
CACHED_BLOCK = 64
MAX_PROMPT = 6000
"""Maximum tokens of a dialog's history."""
FORGETTING = 12
"""Average number of messages after which a dialog's history is cleared."""
UNPRICED_SHARE = 0.01
FALLBACK_SHARE = 0.025
FLOODED_SHARE = 0.004
FREE_OUTCOMES = ("rate_limited", "moderation", "connection")
"""Outcomes without cost: rejected by the provider or never sent."""

# Model, share of users, dollars per prompt and completion token, tokens per second.
_MODELS = (
    ("openai/gpt-4o-mini", 55, Decimal("0.15e-6"), Decimal("0.60e-6"), 90.0),
    ("google/gemini-2.0-flash-001", 25, Decimal("0.10e-6"), Decimal("0.40e-6"), 140.0),
    ("anthropic/claude-3.5-haiku", 20, Decimal("0.80e-6"), Decimal("4.00e-6"), 65.0),
)
_FALLBACK = ("meta-llama/llama-3.3-70b-instruct", 0, Decimal("0.12e-6"), Decimal("0.30e-6"), 50.0)
_FALLBACK_CAUSES = ("rate_limited", "rate_limited", "timeout", "server_error", "connection")
# Status, reason, per mille.
_ENDINGS = (
    ("answered", None, 955),
    ("answered", "incomplete", 4),
    ("failed", "timeout", 8),
    ("failed", "server_error", 9),
    ("failed", "rate_limited", 4),
    ("failed", "moderation", 2),
    ("cancelled", "stopped", 8),
    ("rejected", "rate_limited", 10),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a model."""

    model: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    model_used: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: Decimal | None = None

    @property
    def is_unpriced(self) -> bool:
        """Whether it may have had a cost that was not stated."""
        return self.cost_usd is None and self.outcome not in FREE_OUTCOMES


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A message and its outcome."""

    sent_at: datetime
    received_at: datetime
    status: str
    reason: str | None
    model_asked: str | None = None
    fallback_cause: str | None = None
    first_token_at: datetime | None = None
    answered_at: datetime | None = None
    answer: str | None = None
    finish_reason: str | None = None
    flood_wait_ms: int = 0
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def last_attempt(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def generation_ms(self) -> int:
        """From the first token to the last one; 0 if the tokens are unknown."""
        last, begun = self.last_attempt, self.first_token_at
        if last is None or begun is None or not last.completion_tokens:
            return 0
        return (last.ended_at - begun) // timedelta(milliseconds=1)

    @property
    def fallback_wait_ms(self) -> int:
        """From the first attempt to that of another model."""
        return sum(
            (later.started_at - failed.started_at) // timedelta(milliseconds=1)
            for failed, later in pairwise(self.attempts)
            if failed.model != later.model
        )


class ExchangeGenerator:
    """Generates exchanges from a seed; equal messages give equal exchanges."""

    def __init__(self, *, seed: int) -> None:
        self._chance = random.Random(seed)
        self._answers = [make_answer("", chance=self._chance) for _ in range(ANSWERS)]
        self._shares = [share for *_, share in _ENDINGS]
        self._model_of: dict[str, tuple[str, int, Decimal, Decimal, float]] = {}
        self._history: dict[str, int] = {}

    def make(self, user: str, text: str, *, sent_at: datetime) -> Exchange:
        """The exchange for one message; it ends within 5 minutes."""
        chance = self._chance
        ((status, reason, _),) = chance.choices(_ENDINGS, weights=self._shares)
        received_at = sent_at + timedelta(milliseconds=chance.randint(60, 900))
        exchange = Exchange(sent_at=sent_at, received_at=received_at, status=status, reason=reason)
        if status == "rejected":
            return exchange
        model = self._model_of.get(user)
        if model is None:
            (model,) = chance.choices(_MODELS, weights=[share for _, share, *_ in _MODELS])
            self._model_of[user] = model
        exchange.model_asked = model[0]
        at = received_at + timedelta(milliseconds=chance.randint(5, 40))
        if status == "failed":
            self._fail(exchange, model[0], at)
            return exchange
        if chance.random() < FALLBACK_SHARE:
            exchange.fallback_cause = chance.choice(_FALLBACK_CAUSES)
            ended = at + timedelta(seconds=chance.uniform(0.2, 8.0))
            exchange.attempts.append(Attempt(model[0], at, ended, exchange.fallback_cause))
            at, model = ended, _FALLBACK
        self._answer(exchange, model, user, text, at)
        return exchange

    def _fail(self, exchange: Exchange, model: str, at: datetime) -> None:
        seconds = 60.0 if exchange.reason == "timeout" else self._chance.uniform(0.2, 5.0)
        ended = at + timedelta(seconds=seconds)
        exchange.attempts.append(Attempt(model, at, ended, exchange.reason or "server_error"))
        exchange.answered_at = ended + timedelta(milliseconds=120)

    def _answer(
        self,
        exchange: Exchange,
        model: tuple[str, int, Decimal, Decimal, float],
        user: str,
        text: str,
        at: datetime,
    ) -> None:
        chance = self._chance
        name, _, prompt_price, completion_price, speed = model
        answer = self._answers[chance.randrange(ANSWERS)]
        whole = exchange.status == "answered" and exchange.reason is None
        if not whole:
            answer = answer[: max(1, len(answer) // chance.randint(2, 5))].rstrip()
        history = self._history.get(user, 0)
        prompt = SYSTEM_TOKENS + history + count_tokens(text)
        completion = count_tokens(answer)
        self._history[user] = (
            0
            if chance.randrange(FORGETTING) == 0
            else min(history + count_tokens(text) + completion, MAX_PROMPT)
        )
        first_token_at = at + timedelta(seconds=min(chance.lognormvariate(-0.4, 0.5), 20.0))
        ended = first_token_at + timedelta(seconds=completion / speed)
        known = whole and chance.random() >= UNPRICED_SHARE
        exchange.attempts.append(
            Attempt(
                model=name,
                started_at=at,
                ended_at=ended,
                outcome="answered" if whole else _cut_short(exchange),
                model_used=name,
                prompt_tokens=prompt if whole else None,
                completion_tokens=completion if whole else None,
                cached_tokens=history // CACHED_BLOCK * CACHED_BLOCK if whole else None,
                cost_usd=prompt * prompt_price + completion * completion_price if known else None,
            )
        )
        exchange.first_token_at = first_token_at
        if chance.random() < FLOODED_SHARE:
            exchange.flood_wait_ms = chance.randint(500, 4000)
        exchange.answered_at = ended + timedelta(milliseconds=90 + exchange.flood_wait_ms)
        exchange.answer = answer
        exchange.finish_reason = "stop" if whole else None


def _cut_short(exchange: Exchange) -> str:
    return "cancelled" if exchange.status == "cancelled" else "incomplete"
