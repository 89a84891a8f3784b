"""Everything that is no registered command: questions for the model, and what cannot be read."""

from __future__ import annotations

from difflib import get_close_matches

from aiogram import Router

from bot.handlers.answering import Talk
from bot.handlers.context import Visit
from bot.telegram.meaning import Sort
from common.vocabulary import TurnStatus, UpdateOutcome

LEAST_LIKENESS = 0.6
"""Of two names, from 0 to 1, below which one is no misspelling of the other."""


async def answer_question(_message: object, visit: Visit, talk: Talk) -> UpdateOutcome:
    """A question for the model, in a private chat or said to the bot in a group."""
    finished = await talk.answer(visit, visit.messages)
    if visit.refused_kinds and finished.ending.status is TurnStatus.ANSWERED:
        _ = visit.translate
        await visit.notify(_("🖼 I read the text only: I cannot see pictures and files yet."))
    return UpdateOutcome.TURN


async def say_what_is_missing(
    _message: object, visit: Visit, commands: frozenset[str]
) -> UpdateOutcome:
    """A photo, a sticker, a typing error: a polite answer where one is due."""
    _ = visit.translate
    match visit.meaning and visit.meaning.sort:
        case Sort.REFUSED:
            await visit.notify(_("I can read text only. Please write your message."))
        case Sort.BLANK if visit.place.is_private:
            await visit.notify(_("Your message is empty. Please write your question."))
        case Sort.BLANK:
            await visit.notify(_("I am listening. Write your question after my name."))
        case Sort.UNKNOWN_COMMAND if visit.meaning:
            await visit.notify(_unknown_command(visit, visit.meaning.command, commands))
        case _:
            pass
    return UpdateOutcome.IGNORED


def _unknown_command(visit: Visit, name: str, commands: frozenset[str]) -> str:
    _ = visit.translate
    meant = get_close_matches(name, sorted(commands), n=1, cutoff=LEAST_LIKENESS)
    if meant:
        return _("I do not know this command. Did you mean /{command}?", command=meant[0])
    return _("I do not know this command. /help lists all that I know.")


def _is_question(_message: object, visit: Visit) -> bool:
    return visit.meaning is not None and visit.meaning.sort is Sort.QUESTION


def _is_no_command(_message: object, visit: Visit) -> bool:
    return visit.meaning is None or visit.meaning.sort is not Sort.COMMAND


def create_router() -> Router:
    router = Router(name="text")
    router.message.register(answer_question, _is_question)
    router.message.register(say_what_is_missing, _is_no_command)
    return router
