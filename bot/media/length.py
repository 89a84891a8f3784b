"""Finds the length that a recording states itself."""

from __future__ import annotations

import struct
from math import ceil

OPUS_RATE = 48_000
MAX_SECONDS = 10**6


def seconds_of(content: bytes) -> int:
    """The length of an Ogg (Opus) or MP4 file, rounded up; 0 if it states none."""
    seconds = _ogg(content) if content.startswith(b"OggS") else _mp4(content)
    return ceil(min(max(seconds, 0), MAX_SECONDS))


def _ogg(content: bytes) -> float:
    last = content.rfind(b"OggS")
    if len(content) < last + 14:
        return 0
    position: int = struct.unpack_from("<q", content, last + 6)[0]
    return position / OPUS_RATE


def _mp4(content: bytes) -> float:
    header = content.find(b"mvhd")
    if header < 0 or len(content) < header + 36:
        return 0
    # Version 1 has times of 64 bits.
    layout, place = (">IQ", 24) if content[header + 4] == 1 else (">II", 16)
    scale, length = struct.unpack_from(layout, content, header + place)
    return length / scale if scale else 0
