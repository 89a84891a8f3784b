"""Answers an edited question again, in reply to the edited message."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aiogram import Router

from bot.handlers.answering import AnswerText
from bot.handlers.context import UpdateContext
from bot.settings import BotSettings
from bot.telegram.intent import is_blank
from bot.users.preferences import Preferences
from common.vocabulary import UpdateOutcome


async def answer_edit(
    _message: object,
    context: UpdateContext,
    preferences: Preferences,
    answer_text: AnswerText,
    bot_settings: BotSettings,
) -> UpdateOutcome:
    """Answer if it is the dialog's last question, recent, and its text changed."""
    [edited] = context.messages
    asked = await preferences.question_of_message(context.user, context.chat_ref, edited.message_id)
    if asked is None:
        return UpdateOutcome.IGNORED
    messages = [
        replace(message, text=edited.text) if message.message_id == edited.message_id else message
        for message in asked.messages
    ]
    # Telegram also sends an edit when a link preview was added.
    if messages == list(asked.messages) or is_blank(edited.text):
        return UpdateOutcome.IGNORED
    age = datetime.now(UTC) - asked.asked_at
    if not asked.is_last or age > timedelta(seconds=bot_settings.edit_seconds):
        _ = context.translate
        await context.send_once(
            _("I answer edits of your last message only. Please send this one again.")
        )
        return UpdateOutcome.IGNORED
    await answer_text(context, messages, replaces=asked.turn_id)
    return UpdateOutcome.TURN


def create_router() -> Router:
    router = Router(name="edits")
    router.edited_message.register(answer_edit)
    return router
