"""Output formats: which ones can be sent block by block, and how they are called in HTTP."""

from __future__ import annotations

# The engine gives each block as a whole document. Documents without a beginning and an end can
# simply follow one another.
_FRAMELESS = frozenset(
    {"NATIVE", "TABSEPARATED", "TSV", "TABSEPARATEDRAW", "TSVRAW", "RAW", "CSV", "ROWBINARY"}
    | {"JSONEACHROW", "JSONLINES", "NDJSON", "JSONSTRINGSEACHROW", "JSONCOMPACTEACHROW"}
    | {"JSONCOMPACTSTRINGSEACHROW", "LINEASSTRING", "RAWBLOB", "NULL", "MSGPACK", "TSKV"}
)
_MADE_IN_MEMORY = frozenset(
    {"JSONCOLUMNS", "JSONCOMPACTCOLUMNS", "JSONCOLUMNSWITHMETADATA", "NPY", "PROMETHEUS"}
)
FRAMING_SETTING = "output_format_json_array_of_rows"
"""With it, formats of one JSON object a line are one array."""

_CONTENT_TYPES: tuple[tuple[str | tuple[str, ...], str], ...] = (
    ("JSONEACHROW", "application/x-ndjson; charset=UTF-8"),
    ("JSON", "application/json; charset=UTF-8"),
    ("CSVWITHNAMES", "text/csv; charset=UTF-8; header=present"),
    ("CSV", "text/csv; charset=UTF-8; header=absent"),
    (("TAB", "TSV"), "text/tab-separated-values; charset=UTF-8"),
    (("ARROW", "PARQUET", "ORC", "NATIVE", "ROWBINARY"), "application/octet-stream"),
    ("XML", "application/xml; charset=UTF-8"),
    ("PROMETHEUS", "text/plain; version=0.0.4; charset=UTF-8"),
)


def content_type(output_format: str) -> str:
    """The Content-Type that ClickHouse gives this format."""
    name = output_format.upper()
    found = (kind for beginning, kind in _CONTENT_TYPES if name.startswith(beginning))
    return next(found, "text/plain; charset=UTF-8")


def is_made_in_memory(output_format: str) -> bool:
    """Whether the engine holds the whole document: columns one by one, or widths of all rows."""
    name = output_format.upper()
    return name.endswith("MONOBLOCK") or name in _MADE_IN_MEMORY


def can_stream(output_format: str) -> bool:
    """Whether blocks of this format, one after another, are one document."""
    return output_format.upper() in _FRAMELESS
