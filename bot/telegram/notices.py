"""Texts for failures and refusals, in the user's language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from babel.dates import format_timedelta

from bot.turns.attachments import AttachmentKind, DocumentText, FileProblem, Remark
from bot.turns.bill import ALL_BOTS, BillLimit
from bot.turns.responder import Notice, Refusal
from common.language.i18n import Translator

MINUTE, HOUR, DAY = 60, 3600, 86_400
MAX_WAIT_SECONDS = 30 * DAY
SOON_SECONDS = MINUTE
"""Shorter waits are not stated."""


def notice_text(notice: Notice, _: Translator, *, seconds: float | None = None) -> str:
    """The text about a missing or incomplete answer.

    `seconds`: when it is worth asking again.
    """
    if notice in {Notice.RATE_LIMITED, Notice.FAILED} and seconds and seconds > SOON_SECONDS:
        return _("⚠️ The model cannot answer now. Please try again {time}.", time=_time(seconds, _))
    texts = {
        Notice.INCOMPLETE: _("⚠️ The answer broke off here. Use /redo to ask again."),
        Notice.LENGTH: _("✂️ The answer reached its length limit. Send “continue” to read on."),
        Notice.STOPPED: _("⏹ Stopped."),
        Notice.INTERRUPTED: _(
            "⚠️ The bot was restarted while answering. Please send your message again."
        ),
        Notice.RATE_LIMITED: _("⚠️ The model is overloaded now. Please try again in a minute."),
        Notice.TOO_LONG: _(
            "⚠️ This conversation is too long for the model. Start a new one with /new."
        ),
        Notice.MODERATION: _("⚠️ The model's provider declined to answer this message."),
        Notice.TIMEOUT: _("⚠️ The model did not answer in time. Please try again."),
        Notice.THINKING: _(
            "🤔 The model used up its length limit by thinking. Ask again, or in smaller steps."
        ),
        Notice.NOT_TRANSCRIBED: _(
            "⚠️ I could not transcribe your recording. Please try again, or write your message."
        ),
        Notice.SUMMARISED: _(
            "🗜 The earlier part of this conversation is now a summary. /history shows it."
        ),
        Notice.NOTHING_SUMMARISED: _(
            "⚠️ I could not summarise this conversation. It continues as before."
        ),
        Notice.NOTHING_HEARD: _("🎙 I heard no words in your recording."),
        Notice.FAILED: _("⚠️ The model cannot answer now. Please try again later."),
    }
    return texts[notice]


def _time(seconds: float, _: Translator) -> str:
    """As in "in 2 hours"; rounded up."""
    unit = next((unit for unit in (DAY, HOUR) if seconds > unit), MINUTE)
    whole = ceil(min(seconds, MAX_WAIT_SECONDS) / unit) * unit
    return format_timedelta(timedelta(seconds=whole), add_direction=True, locale=_.locale)


def unreachable_text(_: Translator) -> str:
    """The private text to a user whose group refuses the bot's messages."""
    return _(
        "⚠️ I could not send my answer to the group: I may not write there, or its topic is closed."
        " Please ask an admin to let me write."
    )


def bill_name(limit: BillLimit, _: Translator) -> str:
    """The name of a limit of the bill."""
    match (limit.bot_id == ALL_BOTS, limit.period):
        case (True, "day"):
            return _("Bill of all bots today")
        case (True, _month):
            return _("Bill of all bots this month")
        case (False, "day"):
            return _("Bill of this bot today")
        case _month:
            return _("Bill of this bot this month")


def refusal_text(refusal: Refusal, _: Translator) -> str:  # noqa: PLR0911 # one for each reason
    """Why a message is not answered, and what to do about it."""
    match refusal.reason:
        case "access":
            return _("🔒 This bot is for invited users only. Ask its owner for access.")
        case "banned":
            return _(
                "🚫 The bot's operator has closed access here. /privacy, /export and /forget still"
                " work in our private chat."
            )
        case "paused":
            seconds = refusal.retry_seconds or 0
            return _(
                "⏸ The bot's operator has paused access. Come back {time}.", time=_time(seconds, _)
            )
        case "rate_limit":
            return _.plural(
                "⏳ Too many messages. Try again in {count} second.",
                "⏳ Too many messages. Try again in {count} seconds.",
                max(round(refusal.retry_seconds or 1), 1),
            )
        case "unpriced":
            return _(
                "⛔ The price of this model is unknown, so it cannot be used with a spending limit."
            )
        case "undeliverable":
            return _(
                "⚠️ My last answers could not be delivered here. If you can read this, please send"
                " your message again."
            )
        case _:
            return _used_up_text(refusal.reason, _)


def _used_up_text(reason: str, _: Translator) -> str:
    """Which limit is used up."""
    match reason:
        case "daily_messages" | "daily_usd":
            return _("⛔ You have reached your limit for today. It resets tomorrow. See /usage.")
        case "monthly_messages" | "monthly_usd":
            return _("⛔ You have reached your limit for this month. See /usage.")
        case "chat_daily_messages" | "chat_daily_usd":
            return _("⛔ This group has reached its limit for today. It resets tomorrow.")
        case "total_daily_usd" | "bot_daily_usd":
            return _("⛔ The bot has used up its budget for today. Please come back tomorrow.")
        case "total_monthly_usd" | "bot_monthly_usd":
            return _(
                "⛔ The bot has used up its budget for this month. Please come back next month."
            )
        case _:
            return _("⛔ Your message cannot be answered now.")


def remarks_text(remarks: Sequence[Remark], _: Translator) -> str:
    """Which files were not read, or how much of them; each sentence once."""
    return "\n".join(dict.fromkeys(_remark_text(remark, _) for remark in remarks))


def _remark_text(remark: Remark, _: Translator) -> str:
    name = remark.attachment.name or _("the file")
    if (used := remark.used) is not None:
        return _used_text(name, used, _)
    if remark.attachment.kind is AttachmentKind.PICTURE:
        name = remark.attachment.name or _("the picture")
    if remark.attachment.kind is AttachmentKind.SPEECH:
        name = _("the recording")
    texts = {
        FileProblem.UNAVAILABLE: _(
            "⚠️ I could not get {name} from Telegram. Please send it again.", name=name
        ),
        FileProblem.TOO_LARGE: _("⚠️ I cannot read {name}: it is too large.", name=name),
        FileProblem.LOCKED: _("⚠️ I cannot read {name}: it is protected by a password.", name=name),
        FileProblem.NO_TEXT: _(
            "⚠️ There is no text in {name}. I cannot read scanned pages.", name=name
        ),
        FileProblem.NOT_SEEN: _(
            "⚠️ Your model cannot see pictures. Choose another one with /model."
        ),
        FileProblem.TOO_MANY: _("⚠️ Those are too many pictures: I looked at the first ones only."),
        FileProblem.TOO_LONG: _("⚠️ I cannot listen to recordings of that length."),
        FileProblem.TOO_EXPENSIVE: _(
            "⚠️ I did not listen to the recording: too little is left of what may be spent."
        ),
    }
    damaged = _("⚠️ I cannot read {name}: it is damaged or too complex.", name=name)
    return texts.get(remark.problem or FileProblem.BROKEN, damaged)


def _used_text(name: str, used: DocumentText, _: Translator) -> str:
    if used.unit == "pages":
        return _(
            "✂️ {name} is long: I read the first {used} of {total} pages.",
            name=name, used=used.used, total=used.total,
        )  # fmt: skip
    return _("✂️ {name} is long: I read the first {used} characters.", name=name, used=used.used)
