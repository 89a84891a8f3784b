"""What a model is sent for a question, and which models may answer it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.model import ChatMessage
from bot.records import Context, Earlier, Question
from bot.settings import ModelSettings
from bot.thinking import split_thinking
from common.vocabulary import Role


def models_for(context: Context, settings: ModelSettings) -> list[str]:
    """Whom to ask: the person's choice or the default, then the fallback."""
    chosen = context.model if context.model in settings.models else None
    first = chosen or settings.llm_model
    fallback = settings.llm_fallback_model
    return [first] if fallback in {None, first} else [first, str(fallback)]


def messages_for(question: Question, context: Context, *, standard: str) -> list[ChatMessage]:
    """The conversation so far; `standard` is the instruction of who gave none of their own."""
    # A personal instruction may hold private matters: it is not taken into a group.
    personal = context.system_prompt if question.room.is_private else None
    earlier = list(context.earlier)
    if question.is_repeated and earlier and earlier[-1].role is Role.USER:
        earlier.pop()
    while earlier and earlier[0].role is Role.ASSISTANT:
        earlier.pop(0)
    asked = Earlier(Role.USER, question.text)
    return [
        {"role": "system", "content": personal or standard},
        *(_as_message(one) for one in _alternating([*earlier, asked])),
    ]


def _alternating(messages: Iterable[Earlier]) -> Iterator[Earlier]:
    """Never two of one role in a row: some models refuse that. No thinking of a model either."""
    waiting: Earlier | None = None
    for one in messages:
        text = split_thinking(one.text).answer if one.role is Role.ASSISTANT else one.text
        if not text.strip():
            continue
        if waiting and waiting.role is one.role:
            text = f"{waiting.text}\n\n{text}"
        elif waiting:
            yield waiting
        waiting = Earlier(one.role, text)
    if waiting:
        yield waiting


def _as_message(one: Earlier) -> ChatMessage:
    if one.role is Role.USER:
        return {"role": "user", "content": _sendable(one.text)}
    return {"role": "assistant", "content": _sendable(one.text)}


def _sendable(text: str) -> str:
    """Half a surrogate pair cannot be written as UTF-8 JSON."""
    return text.encode("utf-8", "replace").decode()
