"""The shapes of answers about single people: names, the texts and failures of a dialog."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field


class Person(BaseModel):
    """A name as Telegram states it."""

    name: str | None
    username: str | None


class TextMessage(BaseModel):
    """One text of a dialog."""

    id: UUID
    turn_id: UUID
    user_key: int
    role: str = Field(description="`user` or `assistant`.")
    text: str | None = Field(description="null: the text cannot be opened.")
    created_at: datetime


class DialogText(BaseModel):
    """The texts of a dialog, oldest first. This reading was recorded."""

    dialog_id: UUID
    chat_type: str
    started_at: datetime
    closed_at: datetime | None
    messages: list[TextMessage]
    people: dict[str, Person]
    next_after: UUID | None = Field(description="`after` of the next page; null on the last.")


class FailedCallView(BaseModel):
    """One attempt at a model that ended without an answer."""

    turn_id: UUID
    user_key: int
    attempt: int
    model: str
    started_at: datetime
    outcome: str = Field(description="The kind of failure, as in the bot's metrics.")
    http_status: int | None = Field(description="null: no response had begun.")
    provider_code: str | None
    generation_id: str | None = Field(description="To ask the provider about this attempt.")
    message: str | None = Field(
        description="The provider's sentence, at most 300 characters; never of a moderation."
    )


class DialogFailures(BaseModel):
    """The failed attempts of a dialog, newest first. This reading was recorded."""

    dialog_id: UUID
    failures: list[FailedCallView]
