"""Adds speed, costs of fallbacks and abandoned answers: in builds that are there they read as 0."""

from __future__ import annotations

from migrations.clickhouse.ddl import current, run

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TURNS = {
    "generation_ms": "Int32",
    "generated_tokens": "Int32",
    "fallback_wait_ms": "Int32",
    "fallback_cost_usd": "Nullable(Decimal(18, 10))",
}
SUMS = {
    "abandoned": "UInt64",
    "fallback_wait_ms": "UInt64",
    "fallback_cost_usd": "Decimal(38, 10)",
    "generation_ms": "UInt64",
    "generated_tokens": "UInt64",
}
TIERS = ("activity", "daily", "user_days", "quarter_users", "day_users")
ADDED = {"turns": TURNS} | dict.fromkeys(TIERS, SUMS)


def upgrade() -> None:
    ddl = current()
    for table, columns in ADDED.items():
        changes = [f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in columns.items()]
        run(ddl.alter_table(table, *changes, sharded=table == "turns"))


def downgrade() -> None:
    ddl = current()
    for table, columns in ADDED.items():
        changes = [f"DROP COLUMN IF EXISTS {name}" for name in columns]
        run(ddl.alter_table(table, *changes, sharded=table == "turns"))
