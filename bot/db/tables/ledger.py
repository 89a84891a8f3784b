"""The ledger: turns, attempts and verdicts. Permanent, without texts and Telegram ids."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.tables.columns import Moment, Money
from common.postgres import Base, Versioned


class Turn(Versioned, Base):
    """The ledger: one turn. Written pending, finished once, immutable afterwards."""

    __tablename__ = "turns"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    bot_id: Mapped[int]
    user_key: Mapped[int] = mapped_column(Integer)
    """`users.key` without a foreign key: the ledger outlives the user's row."""
    dialog_id: Mapped[UUID]
    chat_type: Mapped[str] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Text)
    """/start payload, on a user's first turn only."""
    user_messages: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    """Updates joined into this turn."""
    received_at: Mapped[datetime] = mapped_column(Moment)
    """Server clock when the inbox stored the first update."""
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    """Telegram's clock, whole seconds."""
    first_token_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    """When the last part of the answer (or the notice of failure) was delivered."""
    status: Mapped[str] = mapped_column(Text, server_default=text("'pending'"))
    reason: Mapped[str | None] = mapped_column(Text)
    """Why a turn failed, was cancelled or was rejected; on a partial answer `incomplete` (it broke
    off) or `length` (it reached LLM_MAX_TOKENS)."""
    model_asked: Mapped[str | None] = mapped_column(Text)
    model_used: Mapped[str | None] = mapped_column(Text)
    fallback_cause: Mapped[str | None] = mapped_column(Text)
    prompt_tokens: Mapped[int | None] = mapped_column(Integer)
    completion_tokens: Mapped[int | None] = mapped_column(Integer)
    cached_tokens: Mapped[int | None] = mapped_column(Integer)
    reasoning_tokens: Mapped[int | None] = mapped_column(Integer)
    cost_usd: Mapped[Decimal | None] = mapped_column(Money)
    """The provider's own figure; NULL when unknown, never 0 for unknown."""
    finish_reason: Mapped[str | None] = mapped_column(Text)
    user_chars: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    answer_chars: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    answer_parts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    flood_wait_ms: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How long the answer waited because Telegram asked for it (429)."""
    pacing_wait_ms: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How long the answer waited for the bot's own limits on sending."""
    unpriced_calls: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """Attempts whose request was sent and whose cost is unknown."""
    generation_ms: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """From the first to the last token of the answer; 0 if it came in one piece or the number of
    its tokens is unknown."""
    generated_tokens: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Tokens written in `generation_ms`, without thinking."""
    fallback_wait_ms: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """From the first request for the answer to the first one to the model that was asked last."""
    fallback_cost_usd: Mapped[Decimal | None] = mapped_column(Money)
    """Cost of the attempts in that time; NULL without any, or when unknown."""
    is_person: Mapped[bool] = mapped_column(server_default=text("true"))
    """As in `users`."""
    is_counted: Mapped[bool] = mapped_column(server_default=text("true"))
    """As chosen when the turn was opened. Others are replicated without their user."""

    __table_args__ = (
        Index(None, "version", "id"),
        Index(None, "user_key", "received_at"),
        Index(None, "received_at"),
        Index("ix_turns_pending", "bot_id", postgresql_where=text("status = 'pending'")),
        CheckConstraint(
            "status IN ('pending', 'answered', 'failed', 'cancelled', 'rejected')", name="status"
        ),
    )


class FeedbackRow(Versioned, Base):
    """The last verdict of a person on the answer of a turn. Part of the ledger."""

    __tablename__ = "feedback"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Derived from the turn and the person."""
    bot_id: Mapped[int]
    turn_id: Mapped[UUID]
    dialog_id: Mapped[UUID]
    """The turn's."""
    received_at: Mapped[datetime] = mapped_column(Moment)
    """The turn's: a verdict counts in the period of its turn."""
    user_key: Mapped[int] = mapped_column(Integer, index=True)
    """The person's, without a foreign key: the ledger outlives the user's row."""
    verdict: Mapped[int] = mapped_column(SmallInteger)
    """1 good, -1 bad, 0 withdrawn."""
    given_by: Mapped[str] = mapped_column(Text)
    """`button` or `reaction`."""
    given_at: Mapped[datetime] = mapped_column(Moment)
    is_counted: Mapped[bool] = mapped_column(server_default=text("true"))
    """As the person had chosen with this verdict, and false if the turn is not counted."""

    __table_args__ = (
        UniqueConstraint("turn_id", "user_key"),
        Index(None, "version", "id"),
        Index("ix_feedback_bad", "given_at", postgresql_where=text("verdict < 0")),
        CheckConstraint("verdict IN (-1, 0, 1)", name="verdict"),
        CheckConstraint("given_by IN ('button', 'reaction')", name="given_by"),
    )


class LlmCall(Base):
    """One attempt at a model, committed before the request is sent.

    An attempt without an outcome after a crash is never repeated: its turn ends `interrupted`.
    """

    __tablename__ = "llm_calls"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    turn_id: Mapped[UUID]
    attempt: Mapped[int] = mapped_column(SmallInteger)
    model: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text, server_default=text("'answer'"))
    """`answer`, `summary` or `transcription`: at most one paid request per update and purpose."""
    started_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    outcome: Mapped[str | None] = mapped_column(Text)
    """NULL while open; then `answered`, `incomplete`, or an error type."""
    first_token_at: Mapped[datetime | None] = mapped_column(Moment)
    finish_reason: Mapped[str | None] = mapped_column(Text)
    """Kept with `first_token_at`, so that a restarted bot can finish the turn with both."""
    model_used: Mapped[str | None] = mapped_column(Text)
    prompt_tokens: Mapped[int | None] = mapped_column(Integer)
    completion_tokens: Mapped[int | None] = mapped_column(Integer)
    cached_tokens: Mapped[int | None] = mapped_column(Integer)
    reasoning_tokens: Mapped[int | None] = mapped_column(Integer)
    image_tokens: Mapped[int | None] = mapped_column(Integer)
    """Those of the prompt tokens that were pictures, if the provider states it."""
    audio_tokens: Mapped[int | None] = mapped_column(Integer)
    """The same for sound."""
    audio_seconds: Mapped[Decimal | None] = mapped_column(Numeric(9, 3))
    """Length of what is transcribed: as the provider states it, else as Telegram does."""
    cost_usd: Mapped[Decimal | None] = mapped_column(Money)
    is_unpriced: Mapped[bool] = mapped_column(server_default=text("false"))
    """The request was sent and its cost is unknown."""
    http_status: Mapped[int | None] = mapped_column(SmallInteger)
    """NULL: no response was received."""
    provider_code: Mapped[str | None] = mapped_column(Text)
    """The provider's error code."""
    generation_id: Mapped[str | None] = mapped_column(Text)
    """The provider's id of the response, for support requests."""
    provider_message: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The provider's error message, sealed with the user's key."""
    bot_id: Mapped[int | None]
    billed_on: Mapped[date | None]
    """The day, in the report zone, whose bill it counts to."""
    reserve_usd: Mapped[Decimal | None] = mapped_column(Money)
    """Counts in the bill while the cost is unknown: the highest cost of an open attempt, or the
    cost of its tokens by LLM_PRICES."""

    __table_args__ = (
        UniqueConstraint("turn_id", "attempt"),
        CheckConstraint("purpose IN ('answer', 'summary', 'transcription')", name="purpose"),
        Index(
            "ix_llm_calls_provider_message",
            "started_at",
            postgresql_where=text("provider_message IS NOT NULL"),
        ),
    )


class Tombstone(Versioned, Base):
    """A replicated row that was deleted. Written by triggers on what is replicated."""

    __tablename__ = "tombstones"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    table_name: Mapped[str] = mapped_column(Text)
    row_id: Mapped[str] = mapped_column(Text)
    """The deleted row's primary key as text."""
    deleted_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())

    __table_args__ = (Index(None, "version", "id"),)
