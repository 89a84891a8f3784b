"""Output formats: which ones can be sent block by block, and how they are called in HTTP."""

from __future__ import annotations

from collections.abc import Iterator

# The engine gives each block as a whole document. Documents without a beginning and an end can
# simply follow one another.
_HEADLESS = frozenset(
    {"NATIVE", "TABSEPARATED", "TSV", "TABSEPARATEDRAW", "TSVRAW", "RAW", "CSV", "ROWBINARY"}
    | {"JSONEACHROW", "JSONLINES", "NDJSON", "JSONSTRINGSEACHROW", "JSONCOMPACTEACHROW"}
    | {"JSONCOMPACTSTRINGSEACHROW", "LINEASSTRING", "RAWBLOB", "NULL", "MSGPACK", "TSKV"}
)
# These repeat their header lines in every document. Names in them never contain a line end, or it
# is between quotes; in raw ones it is not, so that the end of their header cannot be told.
_HEADER_LINES = {
    f"{base}{suffix}": lines
    for base in (
        "TABSEPARATED",
        "TSV",
        "CSV",
        "JSONCOMPACTEACHROW",
        "JSONCOMPACTSTRINGSEACHROW",
    )
    for suffix, lines in (("WITHNAMES", 1), ("WITHNAMESANDTYPES", 2))
}
# With this setting on, `output_format_json_array_of_rows`, each block is a whole array.
_CAN_BE_ARRAYS = frozenset({"JSONEACHROW", "JSONLINES", "NDJSON", "JSONSTRINGSEACHROW"})
_ARRAY_OPENS, _ARRAY_CLOSES = b"[\n", b"\n]\n"

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


def can_stream(output_format: str) -> bool:
    """Whether blocks of this format can be merged into one document."""
    name = output_format.upper()
    return name in _HEADLESS or name in _HEADER_LINES


def merged(output_format: str, blocks: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
    """One document out of the documents of successive blocks.

    Args:
        output_format: of every block.
        blocks: the number of rows and the document of each. Totals and extremes come last, as a
            document without rows.
    """
    name = output_format.upper()
    if name in _HEADER_LINES:
        return _with_one_header(_HEADER_LINES[name], blocks, quotes=name.startswith("CSV"))
    if name in _CAN_BE_ARRAYS:
        return _as_one_array(blocks)
    return (content for _, content in blocks)


def _with_one_header(
    lines: int, blocks: Iterator[tuple[int, bytes]], *, quotes: bool
) -> Iterator[bytes]:
    header: bytes | None = None
    for rows, block in blocks:
        if header is None:
            header = block[: _header_end(block, lines, quotes=quotes)]
            yield block
        # The engine writes the header when it sees the first row, or at the end without any.
        elif rest := block.removeprefix(header) if rows else block.removesuffix(header):
            yield rest


def _header_end(block: bytes, lines: int, *, quotes: bool) -> int:
    end = 0
    for _ in range(lines):
        end = block.find(b"\n", end) + 1
        while quotes and end and block.count(b'"', 0, end) % 2:
            end = block.find(b"\n", end) + 1
    return end


def _as_one_array(blocks: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
    """Lines of JSON, or with `output_format_json_array_of_rows` one array of them."""
    before: bytes | None = None
    for rows, block in blocks:
        if before is None and not block.startswith(_ARRAY_OPENS):
            yield block
        elif before is None:
            before = block
        elif rows:
            yield before.removesuffix(_ARRAY_CLOSES)
            before = b",\n" + block.removeprefix(_ARRAY_OPENS)
    if before is not None:
        yield before
