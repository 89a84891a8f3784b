"""Aggregate states of ClickHouse as values: sets of people, and sketches of durations.

The formats are those that the engine keeps on disk, so they outlive its versions. Knows no table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

QUANTILES = (0.5, 0.9, 0.95, 0.99)
"""Of every state of durations, in this order."""

_IS_SMALL = 0
_UINT32 = np.dtype("<u4")
_FLOAT64 = np.dtype("<f8")
_POSITIVE, _NEGATIVE, _ZEROS, _MAPPING = 0x01, 0x03, 0x04, 0x02
_SPARSE, _DENSE = 0x04, 0x0C
_MORE_FOLLOW = 0x80

Counts = npt.NDArray[np.float64]


class StateError(ValueError):
    """The bytes are not a state of the kind that was expected."""


def people(state: bytes) -> BitMap:
    """The keys of a `groupBitmap` state of UInt32.

    Raises:
        StateError: it is none.
    """
    if not state:
        raise StateError("a set of people is empty bytes")
    read = _Bytes(state, 1)
    if state[0] == _IS_SMALL:
        size = read.unsigned()
        return BitMap(np.frombuffer(state, _UINT32, count=size, offset=read.place))
    size = read.unsigned()
    return BitMap.deserialize(state[read.place : read.place + size])


@dataclass(frozen=True, slots=True)
class Bins:
    """How many values fell into each of the bins from `first` on."""

    first: int
    counts: Counts

    @property
    def last(self) -> int:
        return self.first + len(self.counts) - 1


NO_BINS = Bins(0, np.zeros(0))


@dataclass(frozen=True, slots=True)
class Sketch:
    """A `quantilesDD` state: values counted in bins whose width grows with the value.

    A quantile lies within 1 % of the true value, as the engine states it; below 1 within 3 %, since
    the engine cuts the number of a bin towards zero.
    """

    gamma: float
    """The ratio of a bin's ends."""
    positive: Bins
    negative: Bins
    zeros: float

    @property
    def size(self) -> int:
        """Bytes of its bins."""
        return self.positive.counts.nbytes + self.negative.counts.nbytes

    @classmethod
    def of_state(cls, state: bytes) -> Sketch:
        """The sketch in the engine's bytes.

        Raises:
            StateError: they are none.
        """
        read = _Bytes(state)
        read.expect(_MAPPING)
        gamma, offset = read.float64(), read.float64()
        if offset:
            raise StateError(f"bins of durations are shifted by {offset}")
        read.expect(_POSITIVE)
        positive = _bins(read)
        read.expect(_NEGATIVE)
        negative = _bins(read)
        read.expect(_ZEROS)
        return cls(gamma, positive, negative, read.float64())


def quantiles(sketches: Sequence[Sketch]) -> list[float]:
    """`QUANTILES` of all values together, as the engine answers them; NaN without a value."""
    positive = _together([sketch.positive for sketch in sketches])
    negative = _together([sketch.negative for sketch in sketches])
    zeros = sum(sketch.zeros for sketch in sketches)
    below = np.cumsum(negative.counts[::-1])
    above = np.cumsum(positive.counts)
    smaller = float(below[-1]) if len(below) else 0.0
    total = smaller + zeros + (float(above[-1]) if len(above) else 0.0)
    if not total:
        return [math.nan] * len(QUANTILES)
    gamma = sketches[0].gamma
    found = []
    for share in QUANTILES:
        rank = share * (total - 1)
        if rank < smaller:
            place = int(np.searchsorted(below, rank, side="right"))
            found.append(-_value(negative.last - place, gamma))
        elif rank < smaller + zeros:
            found.append(0.0)
        else:
            place = int(np.searchsorted(above, rank - smaller - zeros, side="right"))
            found.append(_value(positive.first + place, gamma))
    return found


def _value(key: int, gamma: float) -> float:
    """The middle of a bin, in relation to its ends; calculated as the engine does, to the bit."""
    accuracy = (gamma - 1) / (gamma + 1)
    return math.exp(key / (1 / math.log(gamma))) * (1 + accuracy)


def _together(parts: Sequence[Bins]) -> Bins:
    filled = [bins for bins in parts if len(bins.counts)]
    if len(filled) <= 1:
        return filled[0] if filled else NO_BINS
    first = min(bins.first for bins in filled)
    counts = np.zeros(max(bins.last for bins in filled) - first + 1)
    for bins in filled:
        counts[bins.first - first : bins.last - first + 1] += bins.counts
    return Bins(first, counts)


def _bins(read: _Bytes) -> Bins:
    encoding = read.byte()
    size = read.unsigned()
    if encoding == _DENSE:
        first, step = read.signed(), read.signed()
        if step != 1:
            raise StateError(f"bins of durations are {step} apart")
        return Bins(first, read.float64s(size))
    if encoding != _SPARSE:
        raise StateError(f"bins of durations have the encoding {encoding}")
    key, filled = 0, []
    for _ in range(size):
        key += read.signed()
        filled.append((key, read.float64()))
    if not filled:
        return NO_BINS
    first = filled[0][0]
    counts = np.zeros(filled[-1][0] - first + 1)
    for key, count in filled:
        counts[key - first] = count
    return Bins(first, counts)


class _Bytes:
    """Numbers one after the other, as the engine writes them."""

    def __init__(self, state: bytes, place: int = 0) -> None:
        self._state = state
        self.place = place

    def expect(self, flag: int) -> None:
        found = self.byte()
        if found != flag:
            raise StateError(f"a sketch of durations has {found} at {self.place - 1}, not {flag}")

    def byte(self) -> int:
        if self.place >= len(self._state):
            raise StateError("a state ends early")
        self.place += 1
        return self._state[self.place - 1]

    def unsigned(self) -> int:
        """Seven bits a byte, the lowest first; the eighth says that more follow."""
        value = shift = 0
        while (byte := self.byte()) & _MORE_FOLLOW:
            value |= (byte - _MORE_FOLLOW) << shift
            shift += 7
        return value | byte << shift

    def signed(self) -> int:
        """The sign is the lowest bit."""
        value = self.unsigned()
        return (value >> 1) ^ -(value & 1)

    def float64(self) -> float:
        return float(self.float64s(1)[0])

    def float64s(self, size: int) -> Counts:
        end = self.place + size * _FLOAT64.itemsize
        if end > len(self._state):
            raise StateError("a state ends early")
        found = np.frombuffer(self._state, _FLOAT64, count=size, offset=self.place)
        self.place = end
        return found.astype(np.float64)
