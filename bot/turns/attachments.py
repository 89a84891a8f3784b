"""The files of a question: as Telegram describes them, and what was read from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from common.errors import DialyticsError


class AttachmentKind(StrEnum):
    PICTURE = "picture"
    DOCUMENT = "document"
    SPEECH = "speech"
    """A voice message or a video note."""


@dataclass(frozen=True)
class Attachment:
    """A file of a message, not fetched yet."""

    kind: AttachmentKind
    file_id: str
    size: int | None = None
    """Bytes as Telegram states them."""
    name: str = ""
    """The file's name on one line; empty if Telegram states none."""
    extension: str = ""
    """The extension of a document or recording, in lower case and without the dot."""
    seconds: int = 0
    """Length of a recording as Telegram states it."""
    is_forwarded: bool = False
    is_replied: bool = False
    """It belongs to the message that the question replies to."""


@dataclass(frozen=True)
class Picture:
    """A picture that the model can see.

    `tokens`: an estimate, for the reserve.
    """

    id: UUID
    jpeg: bytes
    tokens: int


@dataclass(frozen=True)
class Recording:
    """Speech that is not transcribed yet."""

    content: bytes
    name: str
    """With the extension of its format."""
    seconds: int
    is_quoted: bool
    """They are somebody else's words."""


@dataclass(frozen=True)
class DocumentText:
    """The text of a document, perhaps only its first part."""

    text: str
    used: int
    total: int | None
    """None: more than `used`, but not counted."""
    unit: str
    """`pages` or `characters`."""

    @property
    def is_cut(self) -> bool:
        return self.total is None or self.used < self.total


class FileProblem(StrEnum):
    """Why a file was not read."""

    UNAVAILABLE = "unavailable"
    """Telegram did not deliver it."""
    TOO_LARGE = "too_large"
    BROKEN = "broken"
    """It cannot be read, or not within the limits of time and memory."""
    LOCKED = "locked"
    """It is protected by a password."""
    NO_TEXT = "no_text"
    NOT_SEEN = "not_seen"
    """The chosen model sees no pictures."""
    TOO_MANY = "too_many"
    TOO_LONG = "too_long"
    """A recording."""
    TOO_EXPENSIVE = "too_expensive"
    """A recording: a limit of spending does not leave enough for it."""


class FileError(DialyticsError):
    """A file could not be read."""

    def __init__(self, problem: FileProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True)
class Remark:
    """Says that a file was not read, or how much of it."""

    attachment: Attachment
    problem: FileProblem | None = None
    used: DocumentText | None = None
