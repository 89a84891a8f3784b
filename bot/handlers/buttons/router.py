"""Routes buttons and reactions to their handlers."""

from __future__ import annotations

from aiogram import F, Router

from bot.buttons import VERDICTS, Action
from bot.handlers.buttons import answers, choices, consent, ratings


def create_router() -> Router:
    router = Router(name="buttons")
    pressed = router.callback_query
    for action in VERDICTS:
        pressed.register(ratings.rate_by_button, F.data.startswith(f"{action}:"))
    pressed.register(answers.answer_again, F.data.startswith(f"{Action.AGAIN}:"))
    pressed.register(answers.continue_answer, F.data.startswith(f"{Action.CONTINUE}:"))
    pressed.register(answers.confirm_stop, F.data == Action.STOP)
    pressed.register(choices.choose_model, F.data.startswith(f"{Action.MODEL}:"))
    pressed.register(choices.choose_history, F.data.startswith(f"{Action.HISTORY}:"))
    for data in (consent.OPEN, consent.CLOSE):
        pressed.register(consent.choose_readers, F.data == data)
    for data in (consent.COUNT, consent.LEAVE_OUT):
        pressed.register(consent.choose_counting, F.data == data)
    router.message_reaction.register(ratings.rate_by_reaction)
    router.stopped_message_generation.register(answers.confirm_stopped_draft)
    return router
