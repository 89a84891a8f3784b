"""What a model is sent for a question, and which models may answer it."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import takewhile
from uuid import UUID

from bot.llm.client import ChatMessage
from bot.llm.thinking import split_thinking
from bot.settings import ModelSettings
from bot.turns.records import Context, Earlier, Question
from common.vocabulary import Role

MAX_NAME_CHARS = 64
SEVERAL_SPEAKERS = "Several people write here. Each of their messages begins with its author."


def pseudonym(dialog_id: UUID, user_key: int) -> str:
    """A name for a person in one dialog: another one in every other dialog."""
    digest = blake2b(user_key.to_bytes(8, "big"), key=dialog_id.bytes, digest_size=5).digest()
    return f"Person {b32encode(digest).decode()[:5]}"


def speaker_name(first_name: str | None) -> str | None:
    """A first name on one short line; None when nothing of it can be seen."""
    return " ".join((first_name or "").split())[:MAX_NAME_CHARS] or None


def models_for(context: Context, settings: ModelSettings) -> list[str]:
    """Whom to ask: the person's choice or the default, then the fallback."""
    chosen = context.model if context.model in settings.models else None
    first = chosen or settings.llm_model
    fallback = settings.llm_fallback_model
    return [first] if fallback in {None, first} else [first, str(fallback)]


def messages_for(
    question: Question, context: Context, *, standard: str, speaker: str | None = None
) -> list[ChatMessage]:
    """The conversation so far; `standard` is the instruction of who gave none of their own.

    In a group `speaker` is who asks.
    """
    # A personal instruction may hold private matters: it is not taken into a group.
    personal = context.system_prompt if question.room.is_private else None
    earlier = list(context.earlier)
    if question.is_repeated and earlier and earlier[-1].role is Role.USER:
        earlier.pop()
    if question.replaces:
        earlier = list(takewhile(lambda one: one.turn_id != question.replaces, earlier))
    while earlier and earlier[0].role is Role.ASSISTANT:
        earlier.pop(0)
    note = SEVERAL_SPEAKERS if speaker else None
    asked = Earlier(Role.USER, question.model_text, speaker=speaker)
    return [
        {"role": "system", "content": "\n".join(filter(None, (personal or standard, note)))},
        *(_as_message(one) for one in _alternating([*earlier, asked])),
    ]


def _alternating(messages: Iterable[Earlier]) -> Iterator[Earlier]:
    """Never two of one role in a row: some models refuse that. No thinking of a model either."""
    waiting: Earlier | None = None
    for one in messages:
        text = split_thinking(one.text).answer if one.role is Role.ASSISTANT else _spoken(one)
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


def _spoken(one: Earlier) -> str:
    """What a person wrote, behind their name in a group."""
    return f"{one.speaker}: {one.text}" if one.speaker and one.text.strip() else one.text


def _sendable(text: str) -> str:
    """Half a surrogate pair cannot be written as UTF-8 JSON."""
    return text.encode("utf-8", "replace").decode()
