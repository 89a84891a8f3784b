"""Files that simulated users send."""

from __future__ import annotations

import secrets
import struct
from typing import Literal

from simulator.telegram.sent import StoredFile
from simulator.telegram.world import Json

FileKind = Literal["photo", "document", "voice", "video_note"]
OPUS_RATE = 48_000
MAX_DOWNLOAD = 20_000_000
"""Bytes. Telegram does not hand out larger files."""


def new_file(content: bytes, *, name: str = "") -> StoredFile:
    file_id = secrets.token_urlsafe(24)
    return StoredFile(file_id, name or file_id, content)


def file_object(stored: StoredFile) -> Json:
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.file_id[:16],
        "file_size": len(stored.content),
    }


def file_content(
    kind: FileKind, stored: StoredFile, *, mime_type: str | None, seconds: int
) -> Json:
    """The fields of a message with this file, besides its caption."""
    file = file_object(stored)
    match kind:
        case "photo":
            # The smaller size is only stated, as real clients get several.
            small = {"file_id": "small", "file_unique_id": "small", "width": 90, "height": 67}
            return {"photo": [small, {**file, "width": 1280, "height": 960}]}
        case "document":
            stated = {"mime_type": mime_type} if mime_type else {}
            return {"document": {**file, "file_name": stored.name, **stated}}
        case "voice":
            return {"voice": {**file, "duration": seconds, "mime_type": mime_type or "audio/ogg"}}
        case "video_note":
            return {"video_note": {**file, "duration": seconds, "length": 240}}


def spoken(words: str, *, seconds: int = 3) -> bytes:
    """A recording of these words, as the simulated model hears them."""
    header = b"OggS" + struct.pack("<BBqIIIB", 0, 4, seconds * OPUS_RATE, 1, 0, 0, 0)
    return header + words.encode()
