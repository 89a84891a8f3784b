"""👍 and 👎 under an answer, and reactions to it."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram import Bot
from aiogram.types import (
    CallbackQuery,
    MessageReactionUpdated,
    ReactionTypeEmoji,
    ReactionTypeUnion,
)

from bot.buttons import VERDICTS, Action, AnswerVerdict, turn_of
from bot.handlers.acknowledging import acknowledge
from bot.handlers.context import UpdateContext
from bot.users.ratings import Ratings
from common.vocabulary import UpdateOutcome

_GOOD = "👍 ❤ 🔥 🥰 👏 😁 🎉 🤩 🙏 👌 😍 ❤\u200d🔥 💯 ⚡ 🏆 🍾 💋 🤗 🫡 😘 🆒 💘 😎"
_BAD = "👎 🤬 🤮 💩 🤡 🥱 🥴 💔 🤨 😡 🖕 😐"
EMOJI = dict.fromkeys(_GOOD.split(), AnswerVerdict.GOOD) | dict.fromkeys(
    _BAD.split(), AnswerVerdict.BAD
)
"""Reactions that say what a person thinks of an answer. Others say nothing about it."""


async def rate_by_button(
    query: CallbackQuery, context: UpdateContext, bot: Bot, ratings: Ratings
) -> UpdateOutcome:
    """Record the verdict, and say so next to the button."""
    _ = context.translate
    verdict = VERDICTS[Action((query.data or "").partition(":")[0])]
    turn_id = turn_of(query.data)
    is_known = turn_id is not None and await ratings.rate(
        context.user, context.chat_ref, verdict, given_at=context.received_at, turn_id=turn_id
    )
    known = _("Thank you!") if verdict is AnswerVerdict.GOOD else _("Thank you, noted.")
    await acknowledge(query, bot, known if is_known else _("This answer is not known any more."))
    return UpdateOutcome.COMMAND if is_known else UpdateOutcome.IGNORED


async def rate_by_reaction(
    event: MessageReactionUpdated, context: UpdateContext, ratings: Ratings
) -> UpdateOutcome:
    """Record the verdict of a changed reaction. It gets no reply."""
    verdict = verdict_of(event.old_reaction, event.new_reaction)
    if verdict is None:
        return UpdateOutcome.IGNORED
    is_known = await ratings.rate(
        context.user,
        context.chat_ref,
        verdict,
        given_at=context.received_at,
        message_hmac=context.responder.message_hmac(event.message_id),
    )
    return UpdateOutcome.COMMAND if is_known else UpdateOutcome.IGNORED


def verdict_of(
    old: Sequence[ReactionTypeUnion], new: Sequence[ReactionTypeUnion]
) -> AnswerVerdict | None:
    """The verdict of the newest reaction that has one; None: nothing changed in what they say."""
    before, after = _judging(old), _judging(new)
    if before == after:
        return None
    added = [one for one in after if one not in before]
    return EMOJI[(added or after)[-1]] if after else AnswerVerdict.WITHDRAWN


def _judging(reactions: Sequence[ReactionTypeUnion]) -> list[str]:
    """Those of the emoji that have a verdict."""
    # Clients and servers differ in the selector that makes a heart red.
    emoji = [
        one.emoji.replace("\ufe0f", "") for one in reactions if isinstance(one, ReactionTypeEmoji)
    ]
    return [one for one in emoji if one in EMOJI]
