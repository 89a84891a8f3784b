"""Builds the prompt for a question, and chooses the models to try."""

from __future__ import annotations

from base64 import b32encode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from itertools import takewhile
from uuid import UUID

from bot.llm.client import ChatMessage, PicturePart
from bot.llm.prices import CHARACTERS_PER_TOKEN
from bot.llm.thinking import split_thinking
from bot.llm.vision import VisionModels
from bot.settings import ModelSettings
from bot.turns.attachments import Picture
from bot.turns.question import quoted_block
from bot.turns.records import DialogContext, HistoryMessage, Question
from common.text import without_surrogates
from common.vocabulary import Role

MAX_NAME_CHARS = 64
CHARACTERS_PER_SECOND = 20
"""An estimate of fast speech, before it is transcribed."""
SUMMARY_TITLE = "A summary of this conversation before the messages that follow"
SEVERAL_SPEAKERS = "Several people write here. Each of their messages begins with its author."


def pseudonym(dialog_id: UUID, user_key: int) -> str:
    """A user's pseudonym, different in every dialog."""
    digest = blake2b(user_key.to_bytes(8, "big"), key=dialog_id.bytes, digest_size=5).digest()
    return f"Person {b32encode(digest).decode()[:5]}"


def speaker_name(first_name: str | None) -> str | None:
    """A first name on one short line; None if it is empty."""
    return " ".join((first_name or "").split())[:MAX_NAME_CHARS] or None


def models_to_try(
    context: DialogContext, settings: ModelSettings, vision: VisionModels | None = None
) -> list[str]:
    """The models to try: the user's choice or the default, then the fallback.

    With `vision` only those that see pictures; none if the first one does not.
    """
    allowed = context.rules.models or settings.models
    first = context.model if context.model in allowed else allowed[0]
    fallback = settings.llm_fallback_model
    if vision is not None:
        seeing = vision.seeing_model(first)
        if seeing is None:
            return []
        first = seeing
        fallback = fallback if fallback and vision.sees(fallback) else None
    return [first] if fallback in {None, first} else [first, str(fallback)]


def prompt_characters(question: Question, context: DialogContext) -> int:
    """The length of the prompt, without the default system prompt; pictures as so many tokens."""
    earlier = sum(len(message.text) for message in context.history)
    pictures = sum(one.tokens for one in all_pictures(question, context)) * CHARACTERS_PER_TOKEN
    speech = question.speech_seconds * CHARACTERS_PER_SECOND
    own = len(question.model_text) + speech + pictures
    summary = len(context.summary.text) if context.summary else 0
    return own + len(context.system_prompt or "") + earlier + summary


def all_pictures(question: Question, context: DialogContext) -> list[Picture]:
    """The pictures of the question and of the dialog before it."""
    earlier = [picture for message in context.history for picture in message.pictures]
    return [*earlier, *question.pictures]


def prompt_messages(
    question: Question,
    context: DialogContext,
    *,
    default_prompt: str,
    speaker: str | None = None,
    max_pictures: int = 0,
) -> list[ChatMessage]:
    """The messages for the model; `default_prompt` applies to users without their own.

    In a group `speaker` is the name of the asking user. Only the newest pictures are included.
    """
    # A personal system prompt may contain private matters: not used in groups.
    personal = context.system_prompt if question.chat_ref.is_private else None
    history = list(context.history)
    pictures = question.pictures
    if question.is_repeated and history and history[-1].role is Role.USER:
        pictures = history.pop().pictures
    if question.replaces:
        kept = list(takewhile(lambda one: one.turn_id != question.replaces, history))
        pictures = tuple(picture for one in history[len(kept) :] for picture in one.pictures)
        history = kept
    while history and history[0].role is Role.ASSISTANT:
        history.pop(0)
    note = SEVERAL_SPEAKERS if speaker else None
    summary = quoted_block(SUMMARY_TITLE, context.summary.text) if context.summary else None
    asked = HistoryMessage(Role.USER, question.model_text, speaker=speaker, pictures=pictures)
    shown = _with_newest_pictures([*history, asked], max_pictures)
    return [
        {
            "role": "system",
            "content": "\n".join(filter(None, (personal or default_prompt, note, summary))),
        },
        *(_as_message(one) for one in _alternating(shown)),
    ]


def _with_newest_pictures(messages: list[HistoryMessage], limit: int) -> list[HistoryMessage]:
    shown = []
    for one in reversed(messages):
        pictures = one.pictures[max(len(one.pictures) - limit, 0) :]
        limit -= len(pictures)
        shown.append(replace(one, pictures=pictures))
    return shown[::-1]


def _alternating(messages: Iterable[HistoryMessage]) -> Iterator[HistoryMessage]:
    """Join consecutive messages of one role, which some models reject; drop thinking."""
    waiting: HistoryMessage | None = None
    for one in messages:
        text = split_thinking(one.text).answer if one.role is Role.ASSISTANT else _spoken(one)
        if not text.strip():
            continue
        pictures = one.pictures
        if waiting and waiting.role is one.role:
            text = f"{waiting.text}\n\n{text}"
            pictures = (*waiting.pictures, *pictures)
        elif waiting:
            yield waiting
        waiting = HistoryMessage(one.role, text, pictures=pictures)
    if waiting:
        yield waiting


def _as_message(one: HistoryMessage) -> ChatMessage:
    if one.role is Role.USER and one.pictures:
        parts = [_picture_part(picture) for picture in one.pictures]
        return {
            "role": "user",
            "content": [{"type": "text", "text": without_surrogates(one.text)}, *parts],
        }
    if one.role is Role.USER:
        return {"role": "user", "content": without_surrogates(one.text)}
    return {"role": "assistant", "content": without_surrogates(one.text)}


def _picture_part(picture: Picture) -> PicturePart:
    url = f"data:image/jpeg;base64,{b64encode(picture.jpeg).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _spoken(one: HistoryMessage) -> str:
    """A user's message, in a group after their name."""
    return f"{one.speaker}: {one.text}" if one.speaker and one.text.strip() else one.text
