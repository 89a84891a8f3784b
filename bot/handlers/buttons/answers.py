"""Again and continue under an answer; stop on one that is being written."""

from __future__ import annotations

from aiogram import Bot
from aiogram.types import CallbackQuery

from bot.buttons import turn_of
from bot.handlers.acknowledging import acknowledge
from bot.handlers.answering import AnswerText
from bot.handlers.context import UpdateContext
from bot.turns.question import QuestionMessage
from bot.users.preferences import Preferences
from common.vocabulary import UpdateOutcome


async def answer_again(
    query: CallbackQuery,
    context: UpdateContext,
    bot: Bot,
    preferences: Preferences,
    *,
    answer_text: AnswerText,
) -> UpdateOutcome:
    """Replace the last answer with a new one, as /redo does."""
    _ = context.translate
    turn_id = turn_of(query.data)
    messages = turn_id and await preferences.withdraw_answer(
        context.user, context.chat_ref, turn_id=turn_id
    )
    if not messages:
        await acknowledge(query, bot, _("Only the last answer to you can be repeated."))
        return UpdateOutcome.IGNORED
    await acknowledge(query, bot)
    await answer_text(context, messages, is_repeated=True)
    return UpdateOutcome.TURN


async def continue_answer(
    query: CallbackQuery,
    context: UpdateContext,
    bot: Bot,
    preferences: Preferences,
    *,
    answer_text: AnswerText,
) -> UpdateOutcome:
    """Ask the model to go on where the length limit ended the last answer."""
    _ = context.translate
    turn_id = turn_of(query.data)
    if turn_id is None or not await preferences.is_last_answer(
        context.user, context.chat_ref, turn_id
    ):
        await acknowledge(query, bot, _("Only the last answer to you can be continued."))
        return UpdateOutcome.IGNORED
    await acknowledge(query, bot)
    await answer_text(context, [QuestionMessage(_("Continue where you stopped."))])
    return UpdateOutcome.TURN


async def confirm_stop(query: CallbackQuery, context: UpdateContext, bot: Bot) -> UpdateOutcome:
    """The running answer was stopped when this update was stored, and says so itself."""
    _ = context.translate
    is_stopped = context.cancellation.take_stopped()
    await acknowledge(query, bot, None if is_stopped else _("There is no answer to stop."))
    return UpdateOutcome.COMMAND


async def confirm_stopped_draft(_event: object, context: UpdateContext) -> UpdateOutcome:
    """The same for the button that Telegram shows on a draft."""
    context.cancellation.take_stopped()
    return UpdateOutcome.COMMAND
