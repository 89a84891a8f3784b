"""Unpriced calls, pacing and persons in the ledger; served people and known costs in the rollups.

Rows that are there get what the rules before would have said, so that figures stay as they were
until the rollups are built again: `published.rules` tells the pipelines that they have to be.
"""

from __future__ import annotations

from migrations.clickhouse.ddl import current, run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# As migration 0007 of PostgreSQL fills the same columns.
TURNS = {
    "pacing_wait_ms": "Int32 AFTER flood_wait_ms",
    "unpriced_calls": "Int16 DEFAULT toInt16(isNull(cost_usd)"
    " AND (status = 'answered' OR isNotNull(model_used))) AFTER pacing_wait_ms",
    "is_person": "Bool DEFAULT true AFTER unpriced_calls",
}
# `priced` are turns with a known cost: they tell a known 0 from nothing known.
SUMS = {
    "served_turns": "UInt64 DEFAULT turns - rejected AFTER flood_wait_ms",
    "priced": "UInt64 DEFAULT toUInt64(cost_usd != 0) AFTER served_turns",
    "pacing_wait_ms": "UInt64 AFTER priced",
}
SERVED = {"served": "AggregateFunction(groupBitmap, UInt32) DEFAULT active AFTER reached"}
MODEL_ASKED = {"model_asked": "LowCardinality(String) DEFAULT model AFTER model"}
ADDED = {
    "turns": TURNS,
    "activity": MODEL_ASKED | SUMS | SERVED,
    "daily": MODEL_ASKED | SUMS | SERVED,
    "user_days": {"is_person": "Bool DEFAULT true AFTER user_key"} | SUMS,
    "dialog_days": {"priced": "UInt64 ALIAS sums[7] AFTER unpriced"},
    "quarter_users": SUMS | SERVED,
    "day_users": SUMS | SERVED,
    # By which rules the publication's builds were made; 1 are those of migration 0001.
    "published": {"rules": "UInt16 DEFAULT 1"},
}

SUMS_BEFORE = (
    *("turns", "user_messages", "answers", "failed", "cancelled", "rejected", "incomplete"),
    *("fallbacks", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"),
    *("unpriced", "answer_parts", "flood_waits", "flood_wait_ms"),
)


def _sums_as_list(*names: str) -> None:
    # Made anew: of the rows that are there, the engine computes the list when it is read.
    ddl = current()
    for table in ("quarter_users", "day_users"):
        run(ddl.alter_table(table, "DROP COLUMN IF EXISTS sums"))
        run(
            ddl.alter_table(
                table,
                "ADD COLUMN IF NOT EXISTS"
                f" sums Array(UInt64) MATERIALIZED [{', '.join(names)}] AFTER flood_wait_ms",
            )
        )


def upgrade() -> None:
    ddl = current()
    for table, columns in ADDED.items():
        changes = [f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in columns.items()]
        run(ddl.alter_table(table, *changes, sharded=table == "turns"))
    _sums_as_list(*SUMS_BEFORE, *SUMS)


def downgrade() -> None:
    ddl = current()
    _sums_as_list(*SUMS_BEFORE)
    for table, columns in ADDED.items():
        changes = [f"DROP COLUMN IF EXISTS {name}" for name in columns]
        run(ddl.alter_table(table, *changes, sharded=table == "turns"))
