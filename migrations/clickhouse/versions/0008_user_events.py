"""Commands that people use, and that they block the bot and come back."""

from __future__ import annotations

from migrations.clickhouse.ddl import current, run

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# A row: an event as of `version`. Events never change, but they may be deleted, and a report of an
# older snapshot still counts them. Every node of a cluster holds the whole table: there are far
# fewer events than turns.
USER_EVENTS = """
    epoch UInt32,
    id UUID,
    version UInt64,
    is_deleted UInt8,
    bot_id Int64,
    user_key UInt32,
    occurred_at DateTime64(6, 'UTC'),
    chat_type LowCardinality(String),
    language LowCardinality(Nullable(String)),
    kind LowCardinality(String),
    name LowCardinality(Nullable(String))"""


def upgrade() -> None:
    ddl = current()
    run(
        ddl.create_table(
            "user_events",
            columns=USER_EVENTS,
            engine="ReplacingMergeTree",
            partition_by="epoch",
            order_by="(epoch, toDate(occurred_at), id, version)",
        )
    )
    run(ddl.alter_table("batches", "ADD COLUMN IF NOT EXISTS user_events UInt64 AFTER feedback"))


def downgrade() -> None:
    ddl = current()
    run(ddl.alter_table("batches", "DROP COLUMN IF EXISTS user_events"))
    run(ddl.drop_table("user_events"))
