"""Adds columns to the rollups: in builds that are there they read as 0."""

from __future__ import annotations

from migrations.clickhouse.ddl import current, run

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIERS = ("activity", "daily", "user_days", "quarter_users", "day_users")
COLUMNS = {
    "uncounted_turns": "UInt64",
}


def upgrade() -> None:
    added = [f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in COLUMNS.items()]
    for table in TIERS:
        run(current().alter_table(table, *added))


def downgrade() -> None:
    dropped = [f"DROP COLUMN IF EXISTS {name}" for name in COLUMNS]
    for table in TIERS:
        run(current().alter_table(table, *dropped))
