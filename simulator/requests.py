"""Request bodies of the control API."""

from __future__ import annotations

from typing import Any

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from simulator.telegram.files import FileKind
from simulator.telegram.world import SimChat, SimUser


class UserAction(BaseModel):
    """A user's action; without `chat` in their private chat."""

    model_config = ConfigDict(extra="forbid")

    person: SimUser = Field(default_factory=SimUser)
    chat: SimChat | None = None


class WriteRequest(UserAction):
    text: str
    thread_id: int | None = None
    reply_to_message_id: int | None = None
    date: int | None = None
    """Unix seconds; default: now."""


class FileRequest(UserAction):
    kind: FileKind
    content: Base64Bytes
    name: str = ""
    mime_type: str | None = None
    seconds: int = Field(default=3, ge=0)
    caption: str | None = None
    media_group_id: str | None = None


class WriteBatchRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    messages: list[WriteRequest] = Field(max_length=1000)


class EditRequest(UserAction):
    text: str
    message_id: int


class PressRequest(UserAction):
    data: str
    message_id: int


class ReactionRequest(UserAction):
    message_id: int
    emoji: list[str] = []
    before: list[str] = []


class DraftStopRequest(UserAction):
    draft_id: int


class BlockRequest(UserAction):
    blocked: bool = True


class MembershipRequest(UserAction):
    chat: SimChat
    member: bool = True
    admin: bool = False
    """Whether the group makes the bot an administrator."""


class RepeatRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    update: dict[str, Any]
    """The whole update, with `update_id`."""
    times: int = Field(default=1, ge=1, le=1000)


class WaitRequest(BaseModel):
    """Wait until every counter has reached its value."""

    model_config = ConfigDict(extra="forbid")

    at_least: dict[str, int] = Field(default_factory=dict)
    pending_at_most: int | None = None
    seconds: float = Field(default=10.0, gt=0, le=600)
