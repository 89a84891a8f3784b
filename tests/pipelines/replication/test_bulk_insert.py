"""Pages are inserted into the warehouse in pieces, and completely or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import cast

import pyarrow as pa
import pytest

from warehouse.clickhouse.client import Writer

BATCHES = 20
BATCH_ROWS = 50_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class InBatches:
    """A table whose batches come one by one, watched."""

    def __init__(self, before_each: Callable[[int], None]) -> None:
        self._before_each = before_each
        self.schema = batch_of_people(0).schema
        self.column_names = self.schema.names

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        for number in range(BATCHES):
            self._before_each(number)
            yield batch_of_people(number)

    def table(self) -> pa.Table:
        return cast("pa.Table", self)


def batch_of_people(number: int) -> pa.RecordBatch:
    first = number * BATCH_ROWS
    return pa.record_batch(
        {
            "epoch": pa.array([1] * BATCH_ROWS, pa.int64()),
            "user_key": pa.array(range(first, first + BATCH_ROWS), pa.int32()),
            "version": pa.array([7] * BATCH_ROWS, pa.int64()),
            "is_deleted": pa.array([0] * BATCH_ROWS, pa.int16()),
            "source": pa.array(["ads"] * BATCH_ROWS),
            "created_at": pa.array([NOW] * BATCH_ROWS, pa.timestamp("us", "UTC")),
            "updated_at": pa.array([NOW] * BATCH_ROWS, pa.timestamp("us", "UTC")),
        }
    )


def test_a_page_of_many_batches_becomes_one_part_that_no_merge_has_touched(writer: Writer) -> None:
    writer.insert_arrow("people", pa.Table.from_batches(map(batch_of_people, range(3))))

    parts = writer.rows(
        "parts",
        sql="SELECT rows, level FROM system.parts"
        " WHERE active AND database = currentDatabase() AND table = 'people'",
    )
    assert parts == [{"rows": 3 * BATCH_ROWS, "level": 0}]
    assert writer.value("people", sql="SELECT sum(user_key) FROM people FINAL") == sum(
        range(3 * BATCH_ROWS)
    )


def test_a_page_is_sent_without_a_copy_of_all_of_it(writer: Writer) -> None:
    allocated: list[int] = []
    rows = InBatches(lambda _: allocated.append(pa.total_allocated_bytes()))

    writer.insert_arrow("people", rows.table())

    assert len(allocated) == BATCHES
    assert max(allocated) - allocated[0] < 4 * batch_of_people(0).nbytes
    assert writer.value("people", sql="SELECT count() FROM people") == BATCHES * BATCH_ROWS


class CutOffError(Exception):
    """The sender ends in the middle of a page."""


def test_a_page_cut_off_in_the_middle_is_not_stored_and_the_next_one_is(writer: Writer) -> None:
    def cut_off(number: int) -> None:
        if number == BATCHES // 2:
            raise CutOffError

    with pytest.raises(CutOffError):
        writer.insert_arrow("people", InBatches(cut_off).table())
    assert writer.value("people", sql="SELECT count() FROM people") == 0

    writer.insert_arrow("people", pa.Table.from_batches([batch_of_people(0)]))
    assert writer.value("people", sql="SELECT count() FROM people") == BATCH_ROWS
