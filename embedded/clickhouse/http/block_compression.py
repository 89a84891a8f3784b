"""ClickHouse's own compressed blocks (`compress=1`, `decompress=1`), in bounded memory.

A block is a checksum, one byte that names the method, the size with these nine bytes, the size of
the content, and the content. Clients that also speak the native protocol send and read them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import lz4.block
from backports import zstd
from clickhouse_cityhash.cityhash import CityHash128

from embedded.clickhouse.errors import BodyError, Code
from embedded.content_coding import zstd_stream

BLOCK_BYTES = 1024 * 1024
MAX_BLOCK_BYTES = 64 * 1024 * 1024
"""The largest block that a client may send. Theirs hold 10 MiB at most by default."""
_NONE, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_HEADER = struct.Struct("<BII")
_CHECKSUM = struct.Struct("<QQ")
_HEAD_BYTES = _CHECKSUM.size + _HEADER.size


def _checksum(block: bytes) -> bytes:
    value = CityHash128(block)
    return _CHECKSUM.pack(value >> 64, value & (2**64 - 1))


class BlockDecoder:
    """Decodes blocks as their bytes arrive."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._waiting += data
        while (size := self._size()) is not None and len(self._waiting) >= size:
            block = bytes(self._waiting[:size])
            del self._waiting[:size]
            yield _decoded(block)

    def close(self) -> None:
        if self._waiting:
            raise BodyError(Code.CANNOT_DECOMPRESS, "the compressed request body is cut off")

    def _size(self) -> int | None:
        """The size of the next block, once its head is there."""
        if len(self._waiting) < _HEAD_BYTES:
            return None
        method, size, content_size = _HEADER.unpack_from(self._waiting, _CHECKSUM.size)
        if method not in {_NONE, _LZ4, _ZSTD}:
            raise BodyError(
                Code.UNKNOWN_COMPRESSION_METHOD, "blocks must be compressed by LZ4, ZSTD or NONE"
            )
        if not _HEADER.size <= size <= MAX_BLOCK_BYTES or content_size > MAX_BLOCK_BYTES:
            raise BodyError(
                Code.TOO_LARGE_SIZE_COMPRESSED,
                f"a compressed block must be smaller than {MAX_BLOCK_BYTES} bytes",
            )
        return _CHECKSUM.size + int(size)


def _decoded(block: bytes) -> bytes:
    if block[: _CHECKSUM.size] != _checksum(block[_CHECKSUM.size :]):
        raise BodyError(Code.CHECKSUM_DOESNT_MATCH, "a compressed block is damaged")
    method, _, content_size = _HEADER.unpack_from(block, _CHECKSUM.size)
    content = block[_HEAD_BYTES:]
    try:
        if method == _LZ4:
            content = lz4.block.decompress(content, uncompressed_size=content_size)
        elif method == _ZSTD:
            content = zstd_stream().decompress(content, max_length=content_size)
    except (lz4.block.LZ4BlockError, zstd.ZstdError, MemoryError) as error:
        raise BodyError(Code.CANNOT_DECOMPRESS, "a compressed block is damaged") from error
    if len(content) != content_size:
        raise BodyError(Code.CANNOT_DECOMPRESS, "a compressed block has another size than it says")
    return content


class BlockEncoder:
    """Encodes what a client asked for with `compress=1`, by LZ4 unless it asked for ZSTD."""

    def __init__(self, method: str = "LZ4") -> None:
        self._is_zstd = method.upper() == "ZSTD"

    def encode(self, data: bytes) -> bytes:
        return b"".join(
            self._block(data[start : start + BLOCK_BYTES])
            for start in range(0, len(data), BLOCK_BYTES)
        )

    def finish(self) -> bytes:
        return b""

    def _block(self, content: bytes) -> bytes:
        if self._is_zstd:
            method, packed = _ZSTD, zstd.compress(content, level=1)
        else:
            method, packed = _LZ4, lz4.block.compress(content, store_size=False)
        block = _HEADER.pack(method, _HEADER.size + len(packed), len(content)) + packed
        return _checksum(block) + block
