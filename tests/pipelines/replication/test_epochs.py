"""Cases in which replication must start over, and the data that readers see meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from pipelines.cycle import run_cycle
from pipelines.replication.batch import resync_reason
from pipelines.replication.watermark import Watermark
from pipelines.settings import PipelineSettings
from pipelines.source.status import ReplicationCheckpoint, SourceStatus
from tests.pipelines.constants import SYSTEM_IDENTIFIER
from tests.pipelines.ledger import Ledger, assert_equal, turn
from tests.pipelines.rollups.test_rollup import assert_exact
from warehouse.clickhouse.client import Writer

NOW = datetime(2025, 3, 10, tzinfo=UTC)
LAST_BATCH, BEFORE, ANOTHER = (UUID(int=number) for number in (2, 1, 3))

LAST = Watermark(
    sequence=1, epoch=4, watermark=900, target=900, page_table="", page_version=0, page_id="",
    batch_id=LAST_BATCH, system_identifier="one", timeline=1, data_through=NOW, written_at=NOW,
)  # fmt: skip
STATUS = SourceStatus(
    horizon=950, system_identifier="one", timeline=1, clock=NOW, data_through=NOW, blocked_by="",
    checkpoint=ReplicationCheckpoint(batch_id=LAST_BATCH, previous_batch_id=BEFORE, epoch=4),
)  # fmt: skip


def test_replication_goes_on_where_nothing_was_restored() -> None:
    assert resync_reason(LAST, STATUS) == ""
    # Echoed, and killed before the watermark was written.
    ahead = ReplicationCheckpoint(batch_id=ANOTHER, previous_batch_id=LAST_BATCH, epoch=4)
    assert resync_reason(LAST, replace(STATUS, checkpoint=ahead)) == ""


@pytest.mark.parametrize(
    ("last", "status", "reason"),
    [
        (None, STATUS, "the warehouse is empty"),
        (LAST, replace(STATUS, system_identifier="two"), SYSTEM_IDENTIFIER),
        (LAST, replace(STATUS, timeline=2), "timeline"),
        (LAST, replace(STATUS, horizon=899), "horizon"),
        (replace(LAST, target=960), STATUS, "horizon"),
        (LAST, replace(STATUS, checkpoint=None), "different batches"),
        (
            LAST,
            replace(STATUS, checkpoint=ReplicationCheckpoint(ANOTHER, BEFORE, 4)),
            "different batches",
        ),
    ],
)
def test_whatever_was_restored_opens_a_new_epoch(
    last: Watermark | None, status: SourceStatus, reason: str
) -> None:
    assert reason in resync_reason(last, status)


def test_after_a_restored_warehouse_the_epoch_is_new_on_both_sides(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn())
    first, _ = run_cycle(pipeline_settings)
    ledger.add(turn(user=2))
    # PostgreSQL has gone on with batches that this warehouse, restored from a copy, never saw.
    ledger.execute(
        "UPDATE replication_echo SET batch_id = %s, previous_batch_id = %s, epoch = 9",
        uuid4(),
        uuid4(),
    )
    batch, publication = run_cycle(pipeline_settings)
    assert (batch.kind, batch.epoch, first.epoch) == ("resync", 10, 1)
    assert publication is not None
    assert writer.value("epoch", sql="SELECT max(epoch) FROM snapshots") == 10
    assert_equal(ledger, writer)
    assert_exact(ledger, writer)
