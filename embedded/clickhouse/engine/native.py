"""The Native format for clients that name their protocol revision.

Over its embedded interface the engine writes Native for clients of no revision. Its format Buffers
has the same columns with the size of each, so that a block for any revision can be made of it.
Clients expect a block's info before it; from 54337 on the time zone in `DateTime('Asia/Tokyo')`;
and from 54454 on (clickhouse-go, Grafana) after each type a byte that says "plain serialization".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

_TIME_ZONE_REVISION = 54337
_CUSTOM_SERIALIZATION_REVISION = 54454
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_PLAIN_SERIALIZATION = b"\x00"


def with_revision(
    buffers: Iterator[bytes], columns: Sequence[tuple[str, str]], revision: int
) -> Iterator[bytes]:
    """Blocks of Native as a client of this revision reads them.

    Args:
        buffers: whole blocks in the format Buffers, one or more in each piece.
        columns: name and type of each.
        revision: above 0.
    """
    heads = [_column_head(name, type_name, revision) for name, type_name in columns]
    for piece in buffers:
        position = 0
        while position < len(piece):
            block, position = _block(piece, position, heads)
            yield block


def _block(piece: bytes, position: int, heads: list[bytes]) -> tuple[bytes, int]:
    """The block that begins at `position`, and where it ends."""
    count, rows = struct.unpack_from("<QQ", piece, position)
    position += 16
    parts = [_BLOCK_INFO, _number(count), _number(rows)]
    for head in heads:
        (size,) = struct.unpack_from("<Q", piece, position)
        position += 8
        parts += [head, piece[position : position + size]]
        position += size
    return b"".join(parts), position


def _column_head(name: str, type_name: str, revision: int) -> bytes:
    if revision < _TIME_ZONE_REVISION and type_name.startswith("DateTime("):
        type_name = "DateTime"
    mark = _PLAIN_SERIALIZATION if revision >= _CUSTOM_SERIALIZATION_REVISION else b""
    return (
        b"".join(
            _number(len(text)) + text
            for text in (part.encode("utf-8", "surrogateescape") for part in (name, type_name))
        )
        + mark
    )


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have the highest bit set."""
    encoded = bytearray()
    while value >= 0x80:  # noqa: PLR2004 # more than seven bits
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
