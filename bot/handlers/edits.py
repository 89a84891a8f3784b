"""An edited question is answered anew, in reply to the edited message."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aiogram import Router

from bot.handlers.answering import Talk
from bot.handlers.context import Visit
from bot.settings import BotSettings
from bot.telegram.meaning import is_blank
from bot.users.preferences import Preferences
from common.vocabulary import UpdateOutcome


async def answer_edit(
    _message: object, visit: Visit, preferences: Preferences, talk: Talk, bot_settings: BotSettings
) -> UpdateOutcome:
    """Only the dialog's last question, not too old, whose text really changed."""
    [edited] = visit.messages
    asked = await preferences.question_with(visit.person, visit.room, edited.message_id)
    if asked is None:
        return UpdateOutcome.IGNORED
    messages = [
        replace(words, text=edited.text) if words.message_id == edited.message_id else words
        for words in asked.messages
    ]
    # Telegram sends an edit for a preview of a link as well.
    if messages == list(asked.messages) or is_blank(edited.text):
        return UpdateOutcome.IGNORED
    age = datetime.now(UTC) - asked.asked_at
    if not asked.is_last or age > timedelta(seconds=bot_settings.edit_seconds):
        _ = visit.translate
        await visit.notify(
            _("I answer edits of your last message only. Please send this one again.")
        )
        return UpdateOutcome.IGNORED
    await talk.answer(visit, messages, replaces=asked.turn_id)
    return UpdateOutcome.TURN


def create_router() -> Router:
    router = Router(name="edits")
    router.edited_message.register(answer_edit)
    return router
