"""Response models: names of users, texts and failures of a dialog."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Person(BaseModel):
    """A user's name in Telegram."""

    name: str | None
    username: str | None


class NameSearch(BaseModel):
    """A part of a name."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(
        min_length=2,
        max_length=64,
        examples=["zo"],
        description="A part of the name, in any case; after `@`, of the @name alone.",
    )


class NamedPerson(Person):
    """A person found by name."""

    user_key: int


class NamedPeople(BaseModel):
    """People found by name, the newest first."""

    people: list[NamedPerson]
    is_complete: bool = Field(description="false: there may be more.")


@dataclass(frozen=True, slots=True)
class TextMessage:
    """One text of a dialog."""

    id: UUID
    turn_id: UUID
    user_key: int
    role: Annotated[str, Field(description="`user` or `assistant`.")]
    text: Annotated[
        str | None, Field(description="null: the text is withheld or cannot be decrypted.")
    ]
    is_withheld: Annotated[bool, Field(description="The user closed their texts to analysts.")]
    created_at: datetime


class DialogText(BaseModel):
    """The texts of a dialog, oldest first. This reading is recorded."""

    dialog_id: UUID
    chat_type: str
    started_at: datetime
    closed_at: datetime | None
    messages: list[TextMessage]
    people: dict[str, Person]
    previous_before: UUID | None = Field(
        description="`before` of the page with older texts; null on the oldest."
    )
    next_after: UUID | None = Field(description="`after` of the next page; null on the last.")


@dataclass(frozen=True, slots=True)
class BadAnswerView:
    """An answer that a person rated as bad, with its question."""

    id: UUID
    turn_id: UUID
    dialog_id: UUID
    user_key: Annotated[int, Field(description="The user who asked.")]
    rated_by: Annotated[
        int, Field(description="The user who rated; in a group perhaps another one.")
    ]
    given_by: Annotated[str, Field(description="`button` or `reaction`.")]
    given_at: datetime
    model: Annotated[str | None, Field(description="The model that answered.")]
    question: Annotated[
        str | None,
        Field(
            description="null: it was erased, is withheld, cannot be decrypted, or was asked in an"
            " earlier turn."
        ),
    ]
    answer: Annotated[
        str | None, Field(description="null: it was erased, is withheld or cannot be decrypted.")
    ]
    is_withheld: Annotated[
        bool, Field(description="The user who asked closed their texts to analysts.")
    ]

    @property
    def texts(self) -> int:
        """How many texts are shown."""
        return (self.question is not None) + (self.answer is not None)


class BadAnswerList(BaseModel):
    """Answers rated as bad, newest rating first. This reading is recorded."""

    answers: list[BadAnswerView]
    people: dict[str, Person]
    next_after: UUID | None = Field(description="`after` of the next page; null on the last.")


@dataclass(frozen=True, slots=True)
class FailedCallView:
    """One failed call of a model."""

    turn_id: UUID
    user_key: int
    attempt: int
    model: str
    started_at: datetime
    outcome: Annotated[str, Field(description="The kind of failure, as in the bot's metrics.")]
    http_status: Annotated[int | None, Field(description="null: there was no response.")]
    provider_code: str | None
    generation_id: Annotated[str | None, Field(description="The provider's id of this call.")]
    message: Annotated[
        str | None,
        Field(
            description="The provider's message, at most 300 characters. null after moderation, and"
            " if it is withheld."
        ),
    ]
    is_withheld: Annotated[
        bool, Field(description="There is a message, and the user closed their texts to analysts.")
    ]


class DialogFailures(BaseModel):
    """The failed calls of a dialog, newest first. This reading is recorded."""

    dialog_id: UUID
    failures: list[FailedCallView]
