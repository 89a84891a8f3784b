"""The bot's tables in PostgreSQL. Content (erasable) and ledger (permanent) are separate.

The ledger (`turns`, `llm_calls`, `feedback`) holds no text and no Telegram id, only the pseudonym
`users.key` without a foreign key: erasing a user keeps the totals. Columns listed in
common.encryption.bindings are sealed with AES-GCM (common.encryption.sealing) and bound to their
row. A class ends in `Row` where its plain name is taken by a value of the domain or of aiogram.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    case,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from common.postgres import Base, Versioned
from common.settings import ConsentSettings

Money = Numeric(18, 10)
Moment = DateTime(timezone=True)
MAX_UPDATE_ID = 2**63 - 1
UNREADABLE = "unreadable"
"""The kind of an update that cannot be parsed."""


class UserRow(Versioned, Base):
    """A user. `key` is dense and 32-bit, so that bitmaps downstream stay small and exact."""

    __tablename__ = "users"

    key: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    telegram_hmac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """HMAC of the Telegram id under DATA_KEY (32 bytes)."""
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    """The user's own key, wrapped by DATA_KEY."""
    sealed_profile: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON `{"telegram_id", "username", "first_name", "last_name"}`, sealed."""
    language: Mapped[str | None] = mapped_column(Text)
    """IETF tag as Telegram states it."""
    source: Mapped[str | None] = mapped_column(Text)
    """Payload of the first /start deep link."""
    blocked_at: Mapped[datetime | None] = mapped_column(Moment)
    is_person: Mapped[bool] = mapped_column(server_default=text("true"))
    """False for the pseudonym of a group's anonymous admins or of a channel."""
    predates_choice: Mapped[bool] = mapped_column(server_default=text("false"))
    """First written when /privacy offered no choice of readers yet."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        Moment, server_default=func.now(), onupdate=func.now()
    )

    __table_args__ = (Index(None, "version", "key"),)


class UserSettings(Base):
    """A user's settings. Absent row or NULL: the installation's default."""

    __tablename__ = "user_settings"

    user_key: Mapped[int] = mapped_column(
        Integer, ForeignKey(UserRow.key, ondelete="CASCADE"), primary_key=True
    )
    max_history_messages: Mapped[int | None] = mapped_column(SmallInteger)
    sealed_system_prompt: Mapped[bytes | None] = mapped_column(LargeBinary)
    model: Mapped[str | None] = mapped_column(Text)
    is_text_only: Mapped[bool] = mapped_column(server_default=text("false"))
    """No rich messages: the user's client does not show them."""
    are_texts_readable: Mapped[bool | None]
    """Whether analysts may read the texts; NULL: not chosen."""
    is_counted: Mapped[bool | None]
    """Whether the user is counted as a person; NULL: not chosen."""
    admitted_at: Mapped[datetime | None] = mapped_column(Moment)
    """When an invite code was accepted."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        Moment, server_default=func.now(), onupdate=func.now()
    )


def may_be_read(consent: ConsentSettings) -> ColumnElement[bool]:
    """Whether analysts may read a user's texts, where `users` LEFT JOIN `user_settings` is read."""
    default = case(
        (UserRow.predates_choice, consent.texts_readable_of_earlier_people),
        else_=consent.texts_readable,
    )
    return func.coalesce(UserSettings.are_texts_readable, default)


class Dialog(Base):
    """A conversation: one chat (and topic) until /new. A group's dialog has no `user_key`."""

    __tablename__ = "dialogs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    bot_id: Mapped[int]
    chat_hmac: Mapped[bytes] = mapped_column(LargeBinary)
    thread_id: Mapped[int] = mapped_column(server_default=text("0"))
    """Topic of a forum group; 0 elsewhere."""
    chat_type: Mapped[str] = mapped_column(Text)
    user_key: Mapped[int | None] = mapped_column(
        Integer, ForeignKey(UserRow.key, ondelete="CASCADE"), index=True
    )
    started_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    closed_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index(
            "uq_dialogs_open",
            "bot_id",
            "chat_hmac",
            "thread_id",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
    )


class MessageRow(Base):
    """One text of a dialog. Erasable, never replicated."""

    __tablename__ = "messages"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_key: Mapped[int] = mapped_column(
        Integer, ForeignKey(UserRow.key, ondelete="CASCADE"), index=True
    )
    """The author, or the user being answered; `content` is sealed with this user's key."""
    dialog_id: Mapped[UUID] = mapped_column(ForeignKey(Dialog.id, ondelete="CASCADE"))
    turn_id: Mapped[UUID] = mapped_column(index=True)
    role: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """The user's own text, or the answer."""
    sealed_parts: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed JSON: the messages that the text came in, and the texts they quote."""
    content_length: Mapped[int] = mapped_column(Integer)
    """Characters of the text before sealing."""
    pictures: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """How many pictures came with it; they are kept for MEDIA_RETENTION_HOURS only."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    deleted_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index(None, "dialog_id", "created_at"),
        CheckConstraint("role IN ('user', 'assistant')", name="role"),
    )


class PictureRow(Base):
    """A picture of a question, downscaled. Kept for MEDIA_RETENTION_HOURS, never replicated."""

    __tablename__ = "pictures"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(
        ForeignKey(MessageRow.id, ondelete="CASCADE"), index=True
    )
    user_key: Mapped[int] = mapped_column(Integer)
    """The author; `content` is sealed with this user's key."""
    number: Mapped[int] = mapped_column(SmallInteger)
    """Its place among the pictures of the message, from 1."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """A JPEG."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now(), index=True)


class SummaryRow(Base):
    """The summary of a private dialog's earliest messages. Erasable, never replicated."""

    __tablename__ = "summaries"

    dialog_id: Mapped[UUID] = mapped_column(
        ForeignKey(Dialog.id, ondelete="CASCADE"), primary_key=True
    )
    user_key: Mapped[int] = mapped_column(
        Integer, ForeignKey(UserRow.key, ondelete="CASCADE"), index=True
    )
    """The dialog's user; `content` is sealed with this user's key."""
    first_message_id: Mapped[UUID] = mapped_column(
        ForeignKey(MessageRow.id, ondelete="CASCADE"), index=True
    )
    """The oldest message that it covers: the summary is deleted with it."""
    covers_until: Mapped[datetime] = mapped_column(Moment)
    """When the newest message that it covers was stored."""
    messages: Mapped[int] = mapped_column(Integer)
    """How many messages it covers."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    written_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


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


class SentAnswer(Base):
    """A message in which an answer was sent: a reaction to it rates the answer."""

    __tablename__ = "sent_answers"

    message_hmac: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """HMAC of the chat's and the message's id under DATA_KEY (32 bytes)."""
    answer_id: Mapped[UUID] = mapped_column(
        ForeignKey(MessageRow.id, ondelete="CASCADE"), index=True
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


class UpdateRow(Base):
    """The inbox: an update is stored here before it is confirmed to Telegram."""

    __tablename__ = "updates"

    bot_id: Mapped[int] = mapped_column(primary_key=True)
    update_id: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    kind: Mapped[str] = mapped_column(Text)
    """`message`, `my_chat_member`, …; `unreadable` when it could not be parsed."""
    lane: Mapped[bytes] = mapped_column(LargeBinary)
    """HMAC of chat and topic: updates with the same lane are processed in order, one at a time."""
    user_key: Mapped[int | None] = mapped_column(Integer)
    payload: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The update as received, sealed; NULL once its outcome is recorded. A parked one keeps it
    for MESSAGE_RETENTION_DAYS, so that it can be tried again."""
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    outcome: Mapped[str | None] = mapped_column(Text)
    turn_id: Mapped[UUID | None]
    error: Mapped[str | None] = mapped_column(Text)
    refused_kind: Mapped[str | None] = mapped_column(Text)
    """Content that the bot does not support (`photo`, `voice`, `unknown_command`, …)."""
    settled_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index(
            "ix_updates_open",
            "bot_id",
            "lane",
            "update_id",
            postgresql_where=text("outcome IS NULL"),
        ),
        # For /forget: the updates of one user.
        Index("ix_updates_user_key", "user_key", postgresql_where=text("user_key IS NOT NULL")),
        # A few rows among millions, also those whose payload was erased: the operator's list.
        Index("ix_updates_parked", "settled_at", postgresql_where=text("outcome = 'parked'")),
        CheckConstraint("outcome IN ('turn', 'command', 'ignored', 'parked')", name="outcome"),
    )


class SealingMarker(Base):
    """Has one row once every sealed value is bound to its row; unbound ones are then refused."""

    __tablename__ = "sealing_marker"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    bound_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())

    __table_args__ = (CheckConstraint("id = 1", name="one"),)


class SpentBudget(Base):
    """An erased user's usage until the end of the period, so that /forget resets no limit."""

    __tablename__ = "spent_budgets"

    telegram_hmac: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    period_start: Mapped[date] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(Text, primary_key=True)
    """`day` or `month`."""
    messages: Mapped[int] = mapped_column(Integer)
    cost_usd: Mapped[Decimal] = mapped_column(Money)


class BillTotal(Base):
    """The cost of all attempts of a period, with the reserves of those whose cost is unknown.

    A trigger on `llm_calls` keeps it in every transaction. It exists where a limit is set.
    """

    __tablename__ = "bill_totals"

    bot_id: Mapped[int] = mapped_column(primary_key=True)
    """0: all bots of the installation together."""
    period_start: Mapped[date] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(Text, primary_key=True)
    """`day` or `month`."""
    usd: Mapped[Decimal] = mapped_column(Money, server_default=text("0"))

    __table_args__ = (CheckConstraint("period IN ('day', 'month')", name="period"),)


class BotRow(Base):
    """A bot with its settings at its last start, for the dashboard."""

    __tablename__ = "bots"

    bot_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(Text)
    has_operator_chat: Mapped[bool]
    total_daily_usd: Mapped[Decimal | None] = mapped_column(Money)
    """This and the next three: limits of the bill, named as in bot.turns.bill; null: none."""
    total_monthly_usd: Mapped[Decimal | None] = mapped_column(Money)
    bot_daily_usd: Mapped[Decimal | None] = mapped_column(Money)
    bot_monthly_usd: Mapped[Decimal | None] = mapped_column(Money)
    started_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class RefusedChat(Base):
    """A chat that refused the last answers. Deleted when a message is delivered there again."""

    __tablename__ = "refused_chats"

    bot_id: Mapped[int] = mapped_column(primary_key=True)
    chat_hmac: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    refusals: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    """Consecutive refusals, each within an hour of the previous one."""
    refused_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class BanNotice(Base):
    """The last notice about a ban to a person, or to a banned chat: at most one a day."""

    __tablename__ = "ban_notices"

    subject_hmac: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    sent_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class Tombstone(Versioned, Base):
    """A replicated row that was deleted. Written by triggers on `users`, `turns` and `feedback`."""

    __tablename__ = "tombstones"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    table_name: Mapped[str] = mapped_column(Text)
    row_id: Mapped[str] = mapped_column(Text)
    """The deleted row's primary key as text."""
    deleted_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())

    __table_args__ = (Index(None, "version", "id"),)
