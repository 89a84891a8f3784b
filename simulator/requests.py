"""Bodies of the control API. Unknown keys are refused."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from simulator.telegram.world import Chat, Person


class Deed(BaseModel):
    """Something that a person does; without `chat` it happens in their private chat."""

    model_config = ConfigDict(extra="forbid")

    person: Person = Field(default_factory=Person)
    chat: Chat | None = None


class Writing(Deed):
    text: str
    thread_id: int | None = None
    reply_to_message_id: int | None = None
    date: int | None = None
    """Seconds since 1970; now when absent."""


class Writings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    messages: list[Writing] = Field(max_length=1000)


class Edit(Deed):
    text: str
    message_id: int


class Press(Deed):
    data: str
    message_id: int


class Block(Deed):
    blocked: bool = True


class Membership(Deed):
    chat: Chat
    member: bool = True


class Repeat(BaseModel):
    model_config = ConfigDict(extra="forbid")

    update: dict[str, Any]
    """The whole update, `update_id` included."""
    times: int = Field(default=1, ge=1, le=1000)


class Wait(BaseModel):
    """Until every counter has reached its value."""

    model_config = ConfigDict(extra="forbid")

    at_least: dict[str, int] = Field(default_factory=dict)
    pending_at_most: int | None = None
    seconds: float = Field(default=10.0, gt=0, le=600)
