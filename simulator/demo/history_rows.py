"""Creates rows of the bot's tables for the demo history."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from common.encryption import bindings
from common.encryption.sealing import Sealer, Vault
from simulator.demo.datafile import DialogLine
from simulator.demo.days import DateShift
from simulator.demo.exchanges import Exchange, ExchangeGenerator
from simulator.demo.people import DemoUser

Row = tuple[object, ...]

LAST_SECOND = 59
COLUMNS: dict[str, tuple[str, ...]] = {
    "users": (
        "telegram_hmac",
        "wrapped_key",
        "sealed_profile",
        "language",
        "source",
        "created_at",
        "updated_at",
    ),
    "dialogs": ("id", "bot_id", "chat_hmac", "thread_id", "chat_type", "user_key", "started_at"),
    "messages": (
        "id",
        "user_key",
        "dialog_id",
        "turn_id",
        "role",
        "content",
        "content_length",
        "created_at",
    ),
    "turns": (
        "id",
        "bot_id",
        "user_key",
        "dialog_id",
        "chat_type",
        "language",
        "source",
        "user_messages",
        "received_at",
        "sent_at",
        "first_token_at",
        "answered_at",
        "status",
        "reason",
        "model_asked",
        "model_used",
        "fallback_cause",
        "prompt_tokens",
        "completion_tokens",
        "cached_tokens",
        "reasoning_tokens",
        "cost_usd",
        "finish_reason",
        "user_chars",
        "answer_chars",
        "answer_parts",
        "flood_wait_ms",
        "unpriced_calls",
        "generation_ms",
        "generated_tokens",
        "fallback_wait_ms",
    ),
    "llm_calls": (
        "id",
        "turn_id",
        "attempt",
        "model",
        "started_at",
        "ended_at",
        "outcome",
        "model_used",
        "prompt_tokens",
        "completion_tokens",
        "cached_tokens",
        "reasoning_tokens",
        "cost_usd",
        "is_unpriced",
    ),
}
"""Columns of each table, in the order of the rows created here."""


@dataclass(frozen=True, slots=True)
class ExchangeRows:
    turn: Row
    messages: list[Row]
    calls: list[Row]


@dataclass(slots=True)
class _Known:
    """A stored user, as needed for further rows."""

    demo_user: DemoUser
    key: int
    sealer: Sealer
    source: str | None
    """For the user's first turn."""
    dialog_id: UUID | None = None


class HistoryRows:
    """Converts lines to rows.

    Args:
        calendar: shifts the days.
        seed: for models, tokens, costs and failures.
    """

    def __init__(self, *, vault: Vault, bot_id: int, seed: int, calendar: DateShift) -> None:
        self._vault = vault
        self._bot_id = bot_id
        self._calendar = calendar
        self._exchanges = ExchangeGenerator(seed=seed)
        self._people: dict[str, _Known] = {}
        self._minute: tuple[datetime | None, int] = (None, 0)

    def user(self, who: DemoUser, lookup: bytes, since: datetime) -> Row:
        """A row of `users` with a new key."""
        sealer, wrapped_key = self._vault.new_user_key(lookup)
        person = who.person
        profile = orjson.dumps(
            {
                "telegram_id": person.id,
                "username": person.username,
                "first_name": person.first_name,
                "last_name": person.last_name,
            }
        )
        return (
            lookup,
            wrapped_key,
            sealer.seal(profile, bindings.profile(lookup)),
            person.language_code,
            who.source,
            since,
            since,
        )

    def add_user(self, user: str, who: DemoUser, key: int, sealer: Sealer, *, is_new: bool) -> None:
        """Register a stored user; `is_new`: without a turn yet."""
        self._people[user] = _Known(
            demo_user=who,
            key=key,
            sealer=sealer,
            source=who.source if is_new else None,
        )

    def new_dialogs(
        self, first_seen: dict[str, datetime], known: dict[bytes, object]
    ) -> Iterator[Row]:
        """Rows of `dialogs` for users without an open one; registers existing ones."""
        for user, since in first_seen.items():
            person = self._people[user]
            chat_hmac = self._vault.lookup("chat", person.demo_user.person.id)
            existing = known.get(chat_hmac)
            if existing is not None:
                person.dialog_id = UUID(str(existing))
                continue
            person.dialog_id = _identifier(f"dialog:{self._bot_id}:{person.key}")
            yield (person.dialog_id, self._bot_id, chat_hmac, 0, "private", person.key, since)

    def exchange(self, line: DialogLine) -> ExchangeRows:
        """All rows for one message."""
        person = self._people[line.user]
        turn_id = turn_id_of(self._bot_id, line)
        exchange = self._exchanges.make(line.user, line.text, sent_at=self._moment(line))
        return ExchangeRows(
            turn=self._turn(turn_id, person, exchange, line.text),
            messages=list(self._messages(turn_id, person, exchange, line.text)),
            calls=list(_calls(turn_id, exchange)),
        )

    def _moment(self, line: DialogLine) -> datetime:
        """The shifted time. Seconds are added to times with minute precision, to keep the order."""
        shift = self._calendar.shift(line.at)
        minute, nth = self._minute
        nth = nth + 1 if minute == shift else 0
        self._minute = (shift, nth)
        if shift.second or shift.microsecond:
            return shift
        return shift + timedelta(seconds=min(nth, LAST_SECOND))

    def _turn(self, turn_id: UUID, person: _Known, exchange: Exchange, text: str) -> Row:
        source, person.source = person.source, None
        last = exchange.last_attempt
        return (
            turn_id,
            self._bot_id,
            person.key,
            person.dialog_id,
            "private",
            person.demo_user.person.language_code,
            source,
            1,
            exchange.received_at,
            exchange.sent_at.replace(microsecond=0),
            exchange.first_token_at,
            exchange.answered_at,
            exchange.status,
            exchange.reason,
            exchange.model_asked,
            last.model_used if last else None,
            exchange.fallback_cause,
            last.prompt_tokens if last else None,
            last.completion_tokens if last else None,
            last.cached_tokens if last else None,
            0 if last and last.prompt_tokens is not None else None,
            last.cost_usd if last else None,
            exchange.finish_reason,
            len(text),
            len(exchange.answer or ""),
            1 if exchange.answer else 0,
            exchange.flood_wait_ms,
            sum(attempt.is_unpriced for attempt in exchange.attempts),
            exchange.generation_ms,
            (last.completion_tokens or 0) if last and exchange.generation_ms else 0,
            exchange.fallback_wait_ms,
        )

    def _messages(
        self, turn_id: UUID, person: _Known, exchange: Exchange, text: str
    ) -> Iterator[Row]:
        if exchange.status == "rejected":
            return
        spoken = (
            ("user", text, exchange.received_at),
            ("assistant", exchange.answer, exchange.answered_at),
        )
        for role, content, at in spoken:
            if content and person.dialog_id:
                message_id = _identifier(f"{role}:{turn_id}")
                yield (
                    message_id,
                    person.key,
                    person.dialog_id,
                    turn_id,
                    role,
                    person.sealer.seal_text(content, bindings.text(message_id, person.dialog_id)),
                    len(content),
                    at,
                )


def _calls(turn_id: UUID, exchange: Exchange) -> Iterator[Row]:
    for number, attempt in enumerate(exchange.attempts, start=1):
        yield (
            _identifier(f"call:{number}:{turn_id}"),
            turn_id,
            number,
            attempt.model,
            attempt.started_at,
            attempt.ended_at,
            attempt.outcome,
            attempt.model_used,
            attempt.prompt_tokens,
            attempt.completion_tokens,
            attempt.cached_tokens,
            0 if attempt.prompt_tokens is not None else None,
            attempt.cost_usd,
            attempt.is_unpriced,
        )


def turn_id_of(bot_id: int, line: DialogLine) -> UUID:
    """A deterministic id for a message's turn."""
    return _identifier(f"turn:{bot_id}:{line.number}:{line.user}:{line.text}")


def _identifier(name: str) -> UUID:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return UUID(bytes=digest[:16], version=5)
