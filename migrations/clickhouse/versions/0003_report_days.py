"""A publication states where its days begin: the zone's clock, and the tzdata that it is of."""

from __future__ import annotations

from migrations.clickhouse.ddl import current, run

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# On the row of the publication itself (day 1970-01-01); elsewhere empty.
COLUMNS = {
    "tzdata": "LowCardinality(String)",
    "clock_changes": "Array(UInt32)",
    "clock_offsets": "Array(Int32)",
}


def upgrade() -> None:
    added = [f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in COLUMNS.items()]
    run(current().alter_table("published", *added))


def downgrade() -> None:
    dropped = [f"DROP COLUMN IF EXISTS {name}" for name in COLUMNS]
    run(current().alter_table("published", *dropped))
