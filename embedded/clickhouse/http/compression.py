"""HTTP content codings, both ways, in bounded memory. Knows nothing about queries.

A decoder never holds more than a few MiB of output, however far its input expands: the caller
counts what comes out and stops when it is too much.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import brotli
import lz4.frame
import zstandard

from embedded.clickhouse.errors import BodyError, Code

PIECE_BYTES = 1024 * 1024
# The smallest zstd block takes 4 bytes and expands to 128 KiB: 512 bytes make 16 MiB at most.
_ZSTD_SLICE_BYTES = 512
_ZSTD_WINDOW_BYTES = 128 * 1024 * 1024
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces of bounded size. Raises BodyError when the input is damaged."""

    def close(self) -> None:
        """Raises BodyError when the input ended too early."""


class Encoder(Protocol):
    def encode(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


def _damaged(coding: str) -> BodyError:
    return BodyError(Code.CANNOT_DECOMPRESS, f"the request body is not {coding}, or is damaged")


def _cut(coding: str) -> BodyError:
    return BodyError(Code.CANNOT_DECOMPRESS, f"the {coding} request body is cut off")


class _Identity:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def close(self) -> None:
        return


class _Zlib:
    """gzip (several members allowed) and deflate."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = self._fed or bool(data)
        while data:
            if self._stream.eof:
                self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                piece = self._stream.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise _damaged(self._coding) from error
            data = self._stream.unconsumed_tail or self._stream.unused_data
            if piece:
                yield piece
        # What fits into the window but not into a piece stays inside until asked for.
        while not self._stream.eof:
            piece = self._stream.decompress(b"", PIECE_BYTES)
            if not piece:
                return
            yield piece

    def close(self) -> None:
        if self._fed and not self._stream.eof:
            raise _cut(self._coding)


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = self._fed or bool(data)
        try:
            piece = self._stream.process(data, output_buffer_limit=PIECE_BYTES)
            yield piece
            while not self._stream.can_accept_more_data():
                piece = self._stream.process(b"", output_buffer_limit=PIECE_BYTES)
                yield piece
        except brotli.error as error:
            raise _damaged("br") from error

    def close(self) -> None:
        if self._fed and not self._stream.is_finished():
            raise _cut("br")


class _Lz4:
    """The LZ4 frame format."""

    def __init__(self) -> None:
        self._stream = lz4.frame.LZ4FrameDecompressor()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = self._fed or bool(data)
        while data:
            if self._stream.eof:
                self._stream = lz4.frame.LZ4FrameDecompressor()
            try:
                yield self._stream.decompress(data, PIECE_BYTES)
                while not self._stream.eof and not self._stream.needs_input:
                    yield self._stream.decompress(b"", PIECE_BYTES)
            except (RuntimeError, MemoryError) as error:
                raise _damaged("lz4") from error
            data = (self._stream.unused_data or b"") if self._stream.eof else b""

    def close(self) -> None:
        if self._fed and not self._stream.eof:
            raise _cut("lz4")


class _Zstd:
    def __init__(self) -> None:
        self._codec = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        self._stream = self._codec.decompressobj()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = self._fed or bool(data)
        for start in range(0, len(data), _ZSTD_SLICE_BYTES):
            rest = data[start : start + _ZSTD_SLICE_BYTES]
            while rest:
                if self._stream.eof:
                    self._stream = self._codec.decompressobj()
                try:
                    piece = self._stream.decompress(rest)
                except zstandard.ZstdError as error:
                    raise _damaged("zstd") from error
                rest = self._stream.unused_data if self._stream.eof else b""
                if piece:
                    yield piece

    def close(self) -> None:
        if self._fed and not self._stream.eof:
            raise _cut("zstd")


def decoder(coding: str) -> Decoder:
    """The decoder of one `Content-Encoding`.

    Raises:
        BodyError: the coding is unknown.
    """
    match coding.strip().lower():
        case "" | "identity":
            return _Identity()
        case "gzip" | "x-gzip" | "deflate":
            return _Zlib(coding.strip().lower())
        case "br":
            return _Brotli()
        case "lz4":
            return _Lz4()
        case "zstd":
            return _Zstd()
    raise BodyError(
        Code.UNKNOWN_COMPRESSION_METHOD,
        "Content-Encoding must be one of gzip, deflate, br, lz4, zstd",
    )


class _StreamEncoder:
    def __init__(self, compress: Callable[[bytes], bytes], flush: Callable[[], bytes]) -> None:
        self.encode, self.finish = compress, flush


def _of_stream(stream: Any) -> Encoder:
    return _StreamEncoder(stream.compress, stream.flush)


def _brotli() -> Encoder:
    stream = brotli.Compressor(quality=1)
    return _StreamEncoder(stream.process, stream.finish)


class _Lz4Encoder:
    def __init__(self) -> None:
        self._stream = lz4.frame.LZ4FrameCompressor()
        self._head: bytes = self._stream.begin()

    def encode(self, data: bytes) -> bytes:
        encoded: bytes = self._head + self._stream.compress(data)
        self._head = b""
        return encoded

    def finish(self) -> bytes:
        encoded: bytes = self._head + self._stream.flush()
        self._head = b""
        return encoded


class Chain:
    """One encoder after another."""

    def __init__(self, encoders: list[Encoder]) -> None:
        self._encoders = encoders

    def encode(self, data: bytes) -> bytes:
        for encoder in self._encoders:
            data = encoder.encode(data)
        return data

    def finish(self) -> bytes:
        rest = b""
        for encoder in self._encoders:
            rest = (encoder.encode(rest) if rest else b"") + encoder.finish()
        return rest


# The cheapest first: client and server are usually on the same machine.
_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "lz4": _Lz4Encoder,
    "zstd": lambda: _of_stream(zstandard.ZstdCompressor(level=1).compressobj()),
    "gzip": lambda: _of_stream(zlib.compressobj(3, wbits=31)),
    "deflate": lambda: _of_stream(zlib.compressobj(3)),
    "br": _brotli,
}


def negotiate(accept_encoding: str) -> tuple[str, Encoder] | None:
    """The cheapest coding that the client accepts, or None."""
    accepted = set()
    for entry in accept_encoding.lower().split(","):
        coding, _, weight = entry.partition(";")
        if weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}:
            accepted.add(coding.strip())
    for coding, make in _ENCODERS.items():
        if coding in accepted:
            return coding, make()
    return None
