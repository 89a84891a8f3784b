"""Inline buttons: keyboards, and the data that a pressed button sends.

The data names what the button acts on, so that it works after a restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import IntEnum, StrEnum
from uuid import UUID

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

MODEL_ID_DIGITS = 16


class Action(StrEnum):
    """The first part of a button's data, before the colon."""

    GOOD = "good"
    BAD = "bad"
    AGAIN = "again"
    CONTINUE = "continue"
    STOP = "stop"
    MODEL = "model"
    HISTORY = "history"
    READERS = "readers"
    COUNTING = "counting"


class AnswerVerdict(IntEnum):
    """A person's opinion of an answer."""

    GOOD = 1
    BAD = -1
    WITHDRAWN = 0


VERDICTS = {Action.GOOD: AnswerVerdict.GOOD, Action.BAD: AnswerVerdict.BAD}
_UNDER_ANSWERS = {Action.GOOD: "👍", Action.BAD: "👎", Action.AGAIN: "🔄"}


def under_answer(turn_id: UUID, *, is_cut: bool) -> InlineKeyboardMarkup:
    """The buttons under an answer. `is_cut`: its length limit ended it."""
    shown = _UNDER_ANSWERS | ({Action.CONTINUE: "▶️"} if is_cut else {})
    row = [
        InlineKeyboardButton(text=icon, callback_data=f"{action}:{turn_id.hex}")
        for action, icon in shown.items()
    ]
    return InlineKeyboardMarkup(inline_keyboard=[row])


def stop_button(text: str) -> InlineKeyboardMarkup:
    """The button on an answer that is being written."""
    return column([(text, Action.STOP)])


def column(buttons: Iterable[tuple[str, str]]) -> InlineKeyboardMarkup:
    """One button a row, each with its text and data."""
    return InlineKeyboardMarkup(
        inline_keyboard=[
            [InlineKeyboardButton(text=text, callback_data=data)] for text, data in buttons
        ]
    )


def row(buttons: Iterable[tuple[str, str]]) -> InlineKeyboardMarkup:
    """All buttons side by side."""
    shown = [InlineKeyboardButton(text=text, callback_data=data) for text, data in buttons]
    return InlineKeyboardMarkup(inline_keyboard=[shown])


def model_data(model: str) -> str:
    """The data of a model's button: a name may be longer than Telegram allows."""
    digest = hashlib.sha256(model.encode()).hexdigest()
    return f"{Action.MODEL}:{digest[:MODEL_ID_DIGITS]}"


def turn_of(data: str | None) -> UUID | None:
    """The turn that a button names; None if it names none. A client may send any data."""
    try:
        return UUID(hex=(data or "").partition(":")[2])
    except ValueError:
        return None
