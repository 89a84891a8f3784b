"""Builds the prompt for a question, and chooses the models to try."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import takewhile
from uuid import UUID

from bot.llm.client import ChatMessage
from bot.llm.thinking import split_thinking
from bot.settings import ModelSettings
from bot.turns.records import DialogContext, HistoryMessage, Question
from common.text import without_surrogates
from common.vocabulary import Role

MAX_NAME_CHARS = 64
SEVERAL_SPEAKERS = "Several people write here. Each of their messages begins with its author."


def pseudonym(dialog_id: UUID, user_key: int) -> str:
    """A user's pseudonym, different in every dialog."""
    digest = blake2b(user_key.to_bytes(8, "big"), key=dialog_id.bytes, digest_size=5).digest()
    return f"Person {b32encode(digest).decode()[:5]}"


def speaker_name(first_name: str | None) -> str | None:
    """A first name on one short line; None if it is empty."""
    return " ".join((first_name or "").split())[:MAX_NAME_CHARS] or None


def models_for(context: DialogContext, settings: ModelSettings) -> list[str]:
    """The models to try: the user's choice or the default, then the fallback."""
    allowed = context.rules.models or settings.models
    first = context.model if context.model in allowed else allowed[0]
    fallback = settings.llm_fallback_model
    return [first] if fallback in {None, first} else [first, str(fallback)]


def prompt_characters(question: Question, context: DialogContext) -> int:
    """The length of the prompt, without the default system prompt."""
    earlier = sum(len(message.text) for message in context.history)
    return len(question.model_text) + len(context.system_prompt or "") + earlier


def messages_for(
    question: Question, context: DialogContext, *, default_prompt: str, speaker: str | None = None
) -> list[ChatMessage]:
    """The messages for the model; `default_prompt` applies to users without their own.

    In a group `speaker` is the name of the asking user.
    """
    # A personal system prompt may contain private matters: not used in groups.
    personal = context.system_prompt if question.chat_ref.is_private else None
    history = list(context.history)
    if question.is_repeated and history and history[-1].role is Role.USER:
        history.pop()
    if question.replaces:
        history = list(takewhile(lambda one: one.turn_id != question.replaces, history))
    while history and history[0].role is Role.ASSISTANT:
        history.pop(0)
    note = SEVERAL_SPEAKERS if speaker else None
    asked = HistoryMessage(Role.USER, question.model_text, speaker=speaker)
    return [
        {"role": "system", "content": "\n".join(filter(None, (personal or default_prompt, note)))},
        *(_as_message(one) for one in _alternating([*history, asked])),
    ]


def _alternating(messages: Iterable[HistoryMessage]) -> Iterator[HistoryMessage]:
    """Join consecutive messages of one role, which some models reject; drop thinking."""
    waiting: HistoryMessage | None = None
    for one in messages:
        text = split_thinking(one.text).answer if one.role is Role.ASSISTANT else _spoken(one)
        if not text.strip():
            continue
        if waiting and waiting.role is one.role:
            text = f"{waiting.text}\n\n{text}"
        elif waiting:
            yield waiting
        waiting = HistoryMessage(one.role, text)
    if waiting:
        yield waiting


def _as_message(one: HistoryMessage) -> ChatMessage:
    if one.role is Role.USER:
        return {"role": "user", "content": without_surrogates(one.text)}
    return {"role": "assistant", "content": without_surrogates(one.text)}


def _spoken(one: HistoryMessage) -> str:
    """A user's message, in a group after their name."""
    return f"{one.speaker}: {one.text}" if one.speaker and one.text.strip() else one.text
