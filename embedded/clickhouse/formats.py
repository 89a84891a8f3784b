"""Output formats: which ones can be sent block by block, and how they are called in HTTP."""

from __future__ import annotations

# The engine gives each block as a whole document. Documents without a beginning and an end can
# simply follow one another.
_HEADLESS = frozenset(
    {"NATIVE", "TABSEPARATED", "TSV", "TABSEPARATEDRAW", "TSVRAW", "RAW", "CSV", "ROWBINARY"}
    | {"JSONEACHROW", "JSONLINES", "NDJSON", "JSONSTRINGSEACHROW", "JSONCOMPACTEACHROW"}
    | {"JSONCOMPACTSTRINGSEACHROW", "LINEASSTRING", "RAWBLOB", "NULL", "MSGPACK", "TSKV"}
)
# These repeat their header lines in every document; names in them never contain a line end.
_HEADER_LINES = {
    f"{base}{suffix}": lines
    for base in (
        "TABSEPARATED",
        "TSV",
        "TABSEPARATEDRAW",
        "TSVRAW",
        "JSONCOMPACTEACHROW",
        "JSONCOMPACTSTRINGSEACHROW",
    )
    for suffix, lines in (("WITHNAMES", 1), ("WITHNAMESANDTYPES", 2))
}
_CSV_HEADER_LINES = {"CSVWITHNAMES": 1, "CSVWITHNAMESANDTYPES": 2}

_CONTENT_TYPES = (
    ("JSONEACHROW", "application/x-ndjson; charset=UTF-8"),
    ("JSON", "application/json; charset=UTF-8"),
    ("CSV", "text/csv; charset=UTF-8; header=absent"),
    ("TAB", "text/tab-separated-values; charset=UTF-8"),
    ("TSV", "text/tab-separated-values; charset=UTF-8"),
    ("ARROW", "application/octet-stream"),
    ("PARQUET", "application/octet-stream"),
    ("ORC", "application/octet-stream"),
    ("NATIVE", "application/octet-stream"),
    ("ROWBINARY", "application/octet-stream"),
    ("XML", "application/xml; charset=UTF-8"),
    ("PROMETHEUS", "text/plain; version=0.0.4; charset=UTF-8"),
)


def content_type(output_format: str) -> str:
    """The Content-Type that ClickHouse gives this format."""
    name = output_format.upper()
    if name in {"CSVWITHNAMES", "CSVWITHNAMESANDTYPES"}:
        return "text/csv; charset=UTF-8; header=present"
    for beginning, found in _CONTENT_TYPES:
        if name.startswith(beginning):
            return found
    return "text/plain; charset=UTF-8"


def can_join(output_format: str) -> bool:
    """Whether blocks of this format can be joined into one document."""
    name = output_format.upper()
    return name in _HEADLESS or name in _HEADER_LINES or name in _CSV_HEADER_LINES


class Joiner:
    """Joins the documents of successive blocks into one by dropping repeated headers."""

    def __init__(self, output_format: str) -> None:
        name = output_format.upper()
        self._quotes = name in _CSV_HEADER_LINES
        self._lines = _HEADER_LINES.get(name, 0) or _CSV_HEADER_LINES.get(name, 0)
        self._header: bytes | None = None

    def join(self, block: bytes) -> bytes:
        if not self._lines:
            return block
        if self._header is None:
            self._header = block[: self._header_end(block)]
            return block
        return block.removeprefix(self._header)

    def _header_end(self, block: bytes) -> int:
        end = 0
        for _ in range(self._lines):
            end = block.find(b"\n", end) + 1
            while self._quotes and end and block.count(b'"', 0, end) % 2:
                end = block.find(b"\n", end) + 1
        return end
