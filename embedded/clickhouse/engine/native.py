"""The Native format as clients expect it that name their protocol revision. Knows bytes only.

Over its embedded interface the engine writes for clients of no revision. Those that name one expect
a block's info before it; from 54337 on the time zone in the type `DateTime('Asia/Tokyo')`; and from
54454 on (clickhouse-go, Grafana) after each column's type a byte that says "plain serialization".
To put in what is inside a block, its columns must be walked through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from embedded.clickhouse.errors import Code, QueryError

_TIME_ZONE_REVISION = 54337
_CUSTOM_SERIALIZATION_REVISION = 54454
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_PLAIN = b"\x00"
_DATE_TIME = b"\x08DateTime"
_NAMES_BY_BYTES = {
    1: "Int8 UInt8 Bool Nothing Enum8",
    2: "Int16 UInt16 BFloat16 Date Enum16",
    4: "Int32 UInt32 Float32 Date32 DateTime Time IPv4",
    8: "Int64 UInt64 Float64 DateTime64 Time64 IntervalSecond IntervalMinute IntervalHour"
    " IntervalDay IntervalWeek IntervalMonth IntervalQuarter IntervalYear",
    16: "Int128 UInt128 UUID IPv6 Point",
    32: "Int256 UInt256",
}
_BYTES = {name: width for width, names in _NAMES_BY_BYTES.items() for name in names.split()}
_DECIMAL_BYTES = ((9, 4), (18, 8), (38, 16), (76, 32))
_ARGUMENT_NAME = re.compile(r"(?:`(?:[^`\\]|\\.)*`|[A-Za-z_]\w*) (?=[A-Z])")
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]|[^'`(),]+")
_ADDITIONAL_KEYS = 1 << 9


def revised(
    blocks: Iterator[bytes], revision: int, *, types: Callable[[], list[str]]
) -> Iterator[bytes]:
    """Single blocks as a client of this revision reads them.

    Args:
        blocks: as the engine writes them.
        revision: above 0.
        types: asks for the types of the columns. Only called for columns of type `DateTime`.

    Raises:
        QueryError: a column's type cannot be walked through.
    """
    zoned: list[str] | None = None
    for block in blocks:
        if zoned is None and revision >= _TIME_ZONE_REVISION and _DATE_TIME in block:
            zoned = types()
        has_zone = any(name.startswith("DateTime('") for name in zoned or ())
        if has_zone or revision >= _CUSTOM_SERIALIZATION_REVISION:
            yield with_revision(block, revision, types=zoned if has_zone else None)
        else:
            yield _BLOCK_INFO + block


def with_revision(data: bytes, revision: int, *, types: list[str] | None = None) -> bytes:
    """Blocks one after another as a client of this revision reads them.

    Raises:
        QueryError: a column's type cannot be walked through.
    """
    mark = _PLAIN if revision >= _CUSTOM_SERIALIZATION_REVISION else b""
    walk = _Walk(data)
    pieces: list[bytes] = []
    while walk.position < len(data):
        start = walk.position
        columns, rows = walk.number(), walk.number()
        pieces += [_BLOCK_INFO, data[start : walk.position]]
        for column in range(columns):
            start = walk.position
            walk.string()
            pieces.append(data[start : walk.position])
            type_name = walk.string().decode()
            shown = types[column] if types and type_name == "DateTime" else type_name
            pieces += [_string(shown.encode()), mark]
            start = walk.position
            if rows:
                walk.prefix(type_name)
                walk.column(type_name, rows)
            pieces.append(data[start : walk.position])
    return b"".join(pieces)


def _string(text: bytes) -> bytes:
    length, head = len(text), bytearray()
    while length >= 0x80:  # noqa: PLR2004 # seven bits a byte
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*head, length]) + text


class _Walk:
    """Passes over columns, remembering only where it is."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self.position]
            self.position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 # the last byte has no continuation bit
                return value
            shift += 7

    def string(self) -> bytes:
        length = self.number()
        self.position += length
        return self._data[self.position - length : self.position]

    def fixed(self) -> int:
        self.position += 8
        return int.from_bytes(self._data[self.position - 8 : self.position], "little")

    def prefix(self, type_name: str) -> None:
        """What stands before the data of a whole column."""
        name, arguments = _split(type_name)
        if name == "LowCardinality":
            self.position += 8
        elif name == "SimpleAggregateFunction":
            self.prefix(arguments[-1])
        elif name in {"Nullable", "Array", "Map", "Tuple", "Nested"}:
            for argument in arguments:
                self.prefix(_ARGUMENT_NAME.sub("", argument, count=1))

    def column(self, type_name: str, rows: int) -> None:
        name, arguments = _split(type_name)
        if name in _BYTES:
            self.position += _BYTES[name] * rows
        elif name == "String":
            for _ in range(rows):
                self.string()
        elif name == "FixedString":
            self.position += int(arguments[0]) * rows
        elif name == "Decimal":
            precision = int(arguments[0])
            width = next(width for most, width in _DECIMAL_BYTES if precision <= most)
            self.position += width * rows
        elif name == "LowCardinality":
            self._low_cardinality(arguments[0], rows)
        else:
            self._nested(name, arguments, rows)

    def _nested(self, name: str, arguments: list[str], rows: int) -> None:
        elements = rows
        if name == "Nullable":
            self.position += rows
        elif name in {"Array", "Map", "Nested"}:
            self.position += 8 * (rows - 1)
            elements = self.fixed()
        elif name == "SimpleAggregateFunction":
            arguments = arguments[-1:]
        elif name != "Tuple":
            raise QueryError(
                Code.NOT_IMPLEMENTED,
                f"a column of type {name} cannot be sent to this client in the Native format:"
                " convert it in the query, for example with toString",
            )
        for argument in arguments if elements else []:
            self.column(_ARGUMENT_NAME.sub("", argument, count=1), elements)

    def _low_cardinality(self, type_name: str, rows: int) -> None:
        name, arguments = _split(type_name)
        keys_type = arguments[0] if name == "Nullable" else type_name
        while rows > 0:
            flags = self.fixed()
            if flags & _ADDITIONAL_KEYS and (keys := self.fixed()):
                self.column(keys_type, keys)
            here = self.fixed()
            self.position += here << (flags & 0xFF)
            rows -= here


def _split(type_name: str) -> tuple[str, list[str]]:
    """`Map(String, Array(UInt8))` as its name and its arguments."""
    name, _, rest = type_name.partition("(")
    arguments, current, depth = [], "", 0
    for part in _TOKEN.findall(rest.removesuffix(")")):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if part == "," and not depth:
            arguments.append(current.strip())
            current = ""
        else:
            current += part
    if current.strip():
        arguments.append(current.strip())
    return name, arguments
