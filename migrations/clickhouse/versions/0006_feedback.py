"""How people rated answers."""

from __future__ import annotations

from migrations.clickhouse.ddl import current, run

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A row: a verdict on a turn's answer as of `version`. All states stay: a person may change their
# mind, and a report of an older snapshot states what they thought then. Few people rate, so every
# node of a cluster holds the whole table: it is joined with the turns of any shard.
FEEDBACK = """
    epoch UInt32,
    id UUID,
    version UInt64,
    is_deleted UInt8,
    bot_id Int64,
    turn_id UUID,
    dialog_id UUID,
    received_at DateTime64(6, 'UTC'),
    user_key UInt32,
    verdict Int8,
    given_by LowCardinality(String),
    given_at DateTime64(6, 'UTC')"""


def upgrade() -> None:
    ddl = current()
    run(
        ddl.create_table(
            "feedback",
            columns=FEEDBACK,
            engine="ReplacingMergeTree",
            partition_by="epoch",
            order_by="(epoch, toDate(received_at), id, version)",
        )
    )
    run(ddl.alter_table("batches", "ADD COLUMN IF NOT EXISTS feedback UInt64 AFTER people"))


def downgrade() -> None:
    ddl = current()
    run(ddl.alter_table("batches", "DROP COLUMN IF EXISTS feedback"))
    run(ddl.drop_table("feedback"))
