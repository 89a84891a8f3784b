"""A record is in the journal completely, or is not acknowledged."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulator.journal import FileJournal, read_journal


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_record_cut_by_a_full_disk_is_refused_and_costs_no_other_record(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    journal = FileJournal(path)
    journal.append({"call": 1})
    with room_for(path.stat().st_size + 5):
        for _ in range(2):
            with pytest.raises(OSError, match=r"No space left|File too large"):
                journal.append({"call": 2})
    journal.append({"call": 3})
    journal.close()
    assert list(read_journal(path)) == [{"call": 1}, {"call": 3}]


def test_a_journal_continues_after_a_partial_record(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b'{"call": 1}\n{"cal')
    journal = FileJournal(path)
    journal.append({"call": 2})
    journal.close()
    assert list(read_journal(path)) == [{"call": 1}, {"call": 2}]
