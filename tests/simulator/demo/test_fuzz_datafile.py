"""Any bytes as a data file: lines that are read, lines that are counted, or one clear line."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import SettingError
from simulator.demo.datafile import (
    DataFile,
    DialogLine,
    ReadCounts,
    UnreadableLine,
)
from tests.running import in_own_process

EXAMPLES = int(os.environ.get("DATAFILE_FUZZ_EXAMPLES", "80"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ENCODINGS = ("utf-8", "utf-16", "utf-32", "utf-8-sig", "latin-1", "cp1251")
MIB = 1 << 20

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)
moments = (
    st.datetimes().map(datetime.isoformat)
    | st.sampled_from(("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2004-02-30", ""))
    | values
)
records = st.fixed_dictionaries(
    {},
    optional={
        "ts": moments,
        "user": st.text(max_size=20) | values,
        "text": st.text(max_size=60) | values,
        "more": values,
    },
)
lines = (
    st.builds(
        lambda record, encoding: json.dumps(record, ensure_ascii=False).encode(encoding, "replace"),
        records,
        st.sampled_from(ENCODINGS),
    )
    | records.map(lambda record: json.dumps(record).encode())
    | records.map(lambda record: json.dumps(record).encode()[:-3])
    | st.binary(max_size=60)
    | st.sampled_from(
        (b"", b"{" * 3000, b"[" * 3000, b'{"ts":NaN}', b"\xef\xbb\xbf{}", b"\x1f\x8b")
    )
)


def damaged(packed: bytes, how: str, place: float) -> bytes:
    at = int(place * len(packed))
    match how:
        case "cut":
            return packed[:at]
        case "flipped":
            return (
                packed[:at] + bytes(255 - byte for byte in packed[at : at + 1]) + packed[at + 1 :]
            )
        case "trailed":
            return packed + b"\x00garbage"
        case "doubled":
            return packed + packed
        case "packed twice":
            return gzip.compress(packed)
        case _:
            return packed


@FUZZ
@given(
    content=st.lists(lines, max_size=8).map(b"\n".join),
    how=st.sampled_from(("whole", "whole", "cut", "flipped", "trailed", "doubled", "packed twice")),
    place=st.floats(0, 1, exclude_max=True),
)
def test_any_file_is_read_counted_or_refused(
    tmp_path: Path, content: bytes, how: str, place: float
) -> None:
    path = tmp_path / "dialogs.jsonl.gz"
    path.write_bytes(damaged(gzip.compress(content), how, place))
    unreadable: list[UnreadableLine] = []
    found: list[DialogLine] = []
    tally = ReadCounts()
    refusal = ""
    try:
        found.extend(DataFile(path, report=unreadable.append).lines(tally))
    except SettingError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith("DATA: ")
        assert "\n" not in refusal
        assert how not in {"whole", "doubled", "packed twice"}
        return
    assert tally == ReadCounts(
        lines_read=len(found) + len(unreadable), lines_skipped=len(unreadable)
    )
    numbers = sorted([line.number for line in found] + [bad.number for bad in unreadable])
    assert numbers == list(range(1, tally.lines_read + 1))
    for line in found:
        # Text that a client could send and PostgreSQL can store.
        assert line.text.encode()
        assert line.user.encode()
        assert "\x00" not in line.text + line.user
        assert line.at.utcoffset() == timedelta()
    for bad in unreadable:
        assert bad.reason
        assert "\n" not in bad.reason


def test_a_bomb_of_one_endless_line_is_passed_over_in_little_memory(tmp_path: Path) -> None:
    good = json.dumps({"ts": "2004-12-25T09:14:00Z", "user": "ada", "text": "hello"}).encode()
    path = tmp_path / "dialogs.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(64):
            file.write(b" " * MIB)
        file.write(b"\n" + good + b"\n")
    texts, unreadable, peak = in_own_process(read_and_measure, path)
    assert texts == ["hello"]
    assert unreadable == 1
    assert peak < 8 * MIB


def read_and_measure(path: Path) -> tuple[list[str], int, int]:
    """Texts of the file, number of its unreadable lines, and the most bytes held meanwhile."""
    unreadable: list[UnreadableLine] = []
    tracemalloc.start()
    texts = [line.text for line in DataFile(path, report=unreadable.append).lines()]
    return texts, len(unreadable), tracemalloc.get_traced_memory()[1]
