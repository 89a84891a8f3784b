"""The data file: what cannot be read is counted, named and passed over."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.errors import SettingError
from simulator.demo.datafile import (
    MAX_LINE,
    DataFile,
    DialogLine,
    ReadCounts,
    UnreadableLine,
)

GOOD = json.dumps({"ts": "2004-12-25T09:14:00Z", "user": "ada", "text": "hello"}).encode()
BAD = {
    b"": "empty line",
    b"not json": "not JSON",
    b"[1]": "not a JSON object",
    b"[" * 100_000: "not JSON",
    b'{"ts": "2004-12-25T09:14:00Z", "user": "a\xff", "text": "x"}': "not UTF-8",
    b'{"user": "a", "text": "x"}': "ts is missing",
    b'{"ts": "yesterday", "user": "a", "text": "x"}': "ts is not a time",
    b'{"ts": "0001-01-01T00:00:00+05:00", "user": "a", "text": "x"}': "ts is not a time",
    b'{"ts": 7, "user": "a", "text": "x"}': "ts is not a text",
    b'{"ts": "2004-12-25T09:14:00Z", "user": 7, "text": "x"}': "user is not a text",
    b'{"ts": "2004-12-25T09:14:00Z", "user": " ", "text": "x"}': "user is empty",
    b'{"ts": "2004-12-25T09:14:00Z", "user": "a", "text": null}': "text is missing",
    b'{"ts": "2004-12-25T09:14:00Z", "user": "a", "text": " \\n"}': "text is empty",
    b'{"ts": "2004-12-25T09:14:00Z", "user": "a", "text": "\\u0000"}': "text is empty",
    b'{"ts": "2004-12-25T09:14:00Z", "user": "a", "text": "\\ud800"}': (
        "not valid Unicode or not strict JSON"
    ),
    b'{"ts": "2004-12-25T09:14:00Z", "user": "a", "text": "' + b"x" * MAX_LINE * 3 + b'"}': (
        f"longer than {MAX_LINE} bytes"
    ),
}


def read(path: Path) -> tuple[list[DialogLine], list[UnreadableLine], ReadCounts]:
    unreadable: list[UnreadableLine] = []
    tally = ReadCounts()
    lines = list(DataFile(path, report=unreadable.append).lines(tally))
    return lines, unreadable, tally


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    return path


def test_unreadable_lines_are_named_and_the_others_read(tmp_path: Path) -> None:
    mixed = [line for bad in BAD for line in (bad, GOOD)]
    lines, unreadable, tally = read(write(tmp_path / "d.gz", *mixed))
    assert [line.number for line in lines] == list(range(2, 2 * len(BAD) + 1, 2))
    assert [(bad.number, bad.reason) for bad in unreadable] == [
        (2 * position + 1, reason) for position, reason in enumerate(BAD.values())
    ]
    assert tally == ReadCounts(lines_read=2 * len(BAD), lines_skipped=len(BAD))


def test_a_line_is_read_as_a_client_would_send_it(tmp_path: Path) -> None:
    odd = {"ts": "2004-12-25T09:14:00", "user": "a", "text": " a\x00b\r\n😀 ", "more": 1}
    (line,), _, _ = read(write(tmp_path / "d.gz", json.dumps(odd).encode()))
    assert line.at == datetime(2004, 12, 25, 9, 14, tzinfo=UTC)
    assert line.text == "a b\n😀"


def test_a_last_line_needs_no_line_end(tmp_path: Path) -> None:
    path = tmp_path / "d.gz"
    path.write_bytes(gzip.compress(GOOD))
    assert len(read(path)[0]) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot read"), (b"", "is not a gzip file"), (b"plain\n", "is not a gzip file")],
)
def test_a_file_that_is_no_data_file_is_one_clear_line(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "d.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=rf"^DATA: .*{problem}"):
        DataFile(path, report=print)
    with pytest.raises(SettingError, match=r"^DATA: cannot read"):
        DataFile(tmp_path, report=print)


def test_a_damaged_file_names_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "d.gz"
    noise = [
        json.dumps(
            {"ts": "2004-12-25T09:14:00Z", "user": "a", "text": os.urandom(500).hex()}
        ).encode()
        for _ in range(500)
    ]
    whole = write(path, *noise).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SettingError, match=r"is damaged after line \d+"):
        read(path)
