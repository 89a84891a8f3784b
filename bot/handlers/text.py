"""Messages that are not registered commands: questions, and content that is not supported."""

from __future__ import annotations

from difflib import get_close_matches

from aiogram import Router

from bot.handlers.answering import AnswerText
from bot.handlers.context import UpdateContext
from bot.llm.vision import VisionModels
from bot.telegram.intent import IntentKind
from common.vocabulary import TurnStatus, UpdateOutcome

MIN_LIKENESS = 0.6
"""Similarity (0 to 1) from which an unknown command counts as a misspelling."""


async def answer_question(
    _message: object, context: UpdateContext, answer_text: AnswerText
) -> UpdateOutcome:
    """Answer a question asked in a private chat or addressed to the bot in a group."""
    result = await answer_text(context, context.messages)
    if context.refused_kinds and result.outcome.status is TurnStatus.ANSWERED:
        _ = context.translate
        await context.send_once(
            _("🖼 I only read the text: I cannot see images here.")
            if "photo" in context.refused_kinds
            else _("📎 I only read the text: I cannot read files of this kind.")
        )
    return UpdateOutcome.TURN


async def explain_unsupported(
    _message: object, context: UpdateContext, commands: frozenset[str], vision: VisionModels
) -> UpdateOutcome:
    """Explain unsupported content, an empty message or an unknown command."""
    _ = context.translate
    match context.intent and context.intent.kind:
        case IntentKind.REFUSED:
            await context.send_once(
                _(
                    "I can read only text, pictures and documents (PDF, DOCX, text, code). Please"
                    " write your message."
                )
                if vision.is_available
                else _(
                    "I can read only text and documents (PDF, DOCX, text, code). Please write your"
                    " message."
                )
            )
        case IntentKind.BLANK if context.chat.is_private:
            await context.send_once(_("Your message is empty. Please write your question."))
        case IntentKind.BLANK:
            await context.send_once(_("Please write your question after my name."))
        case IntentKind.UNKNOWN_COMMAND if context.intent:
            await context.send_once(_unknown_command(context, context.intent.command, commands))
        case _:
            pass
    return UpdateOutcome.IGNORED


def _unknown_command(context: UpdateContext, name: str, commands: frozenset[str]) -> str:
    _ = context.translate
    meant = get_close_matches(name, sorted(commands), n=1, cutoff=MIN_LIKENESS)
    if meant:
        return _("Unknown command. Did you mean /{command}?", command=meant[0])
    return _("Unknown command. /help lists all commands.")


def _is_question(_message: object, context: UpdateContext) -> bool:
    return context.intent is not None and context.intent.kind is IntentKind.QUESTION


def _is_no_command(_message: object, context: UpdateContext) -> bool:
    return context.intent is None or context.intent.kind is not IntentKind.COMMAND


def create_router() -> Router:
    router = Router(name="text")
    router.message.register(answer_question, _is_question)
    router.message.register(explain_unsupported, _is_no_command)
    return router
