"""HTTP content codings, both ways, in bounded memory.

A decoder never holds more than a few MiB of output, however far its input expands: the caller
counts what comes out and stops when it is too much.

CodingError
├── UnknownCodingError
└── DamagedBodyError
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import brotli
import lz4.frame
from backports import zstd

from common.errors import DialyticsError

PIECE_BYTES = 1024 * 1024
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class CodingError(DialyticsError):
    """A body that cannot be decoded."""


class UnknownCodingError(CodingError):
    """Its `Content-Encoding` is not supported."""


class DamagedBodyError(CodingError):
    """It has another coding, is damaged, or ends too early."""


class Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces of bounded size. Raises DamagedBodyError when the input is damaged."""

    def close(self) -> None:
        """Raises DamagedBodyError when the input ended too early."""


class Encoder(Protocol):
    def encode(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class _Frames:
    """Decodes frames of one coding, one after another."""

    def __init__(self, coding: str, make: Callable[[], Any]) -> None:
        self._coding = coding
        self._make = make
        self._stream = make()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = self._fed or bool(data)
        while data:
            if self._stream.eof:
                self._stream = self._make()
            try:
                yield self._stream.decompress(data, PIECE_BYTES)
                while not self._stream.eof and not self._stream.needs_input:
                    yield self._stream.decompress(b"", PIECE_BYTES)
            except _DAMAGED as error:
                raise DamagedBodyError(
                    f"the request body is not {self._coding}, or is damaged"
                ) from error
            data = self._stream.unused_data if self._stream.eof else b""

    def close(self) -> None:
        if self._fed and not self._stream.eof:
            raise DamagedBodyError(f"the {self._coding} request body is cut off")


class _ZlibStream:
    """zlib's decompressor with the methods of the others."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self.needs_input = True

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        piece = self._stream.decompress(self._stream.unconsumed_tail + data, max_bytes)
        # A part of the window that fits into no piece stays inside until asked for.
        self.needs_input = not self._stream.unconsumed_tail and len(piece) < max_bytes
        return piece

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


class _BrotliStream:
    """The same of brotli, whose end nothing may follow."""

    unused_data = b""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        piece: bytes = self._stream.process(data, output_buffer_limit=max_bytes)
        return piece

    @property
    def needs_input(self) -> bool:
        return bool(self._stream.can_accept_more_data())

    @property
    def eof(self) -> bool:
        return bool(self._stream.is_finished())


class _Identity:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def close(self) -> None:
        return


def zstd_stream() -> Any:
    """A decompressor that takes windows up to 128 MiB."""
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 27})


_DECODERS: dict[str, Callable[[], Any]] = {
    "gzip": _ZlibStream,
    "x-gzip": _ZlibStream,
    "deflate": _ZlibStream,
    "br": _BrotliStream,
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd_stream,
}
_DAMAGED = (zlib.error, brotli.error, zstd.ZstdError, RuntimeError, MemoryError)


def decoder(coding: str) -> Decoder:
    """The decoder of one `Content-Encoding`.

    Raises:
        UnknownCodingError: the coding is unknown.
    """
    name = coding.strip().lower()
    if name in {"", "identity"}:
        return _Identity()
    if name not in _DECODERS:
        raise UnknownCodingError("Content-Encoding must be one of gzip, deflate, br, lz4, zstd")
    return _Frames(name, _DECODERS[name])


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
    "zstd": lambda: _of_stream(zstd.ZstdCompressor(level=1)),
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
