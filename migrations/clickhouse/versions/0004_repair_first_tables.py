"""Repairs what earlier editions of migration 0001 made, and lets every day be built again.

Until version 0.1.0 migration 0001 was edited after it had run: an installation of that time lacks
`dialog_days`, columns of `day_users` and `quarter_users`, or has other columns or granules. What
differs is a rollup, made of the ledger alone: its table is made anew, and `published` is emptied,
so that no report shows a day whose rows are gone. The pipelines then build every day again.

The migrations between 0001 and this one need those tables, so `env.py` repairs a warehouse that
ran no other migration before they run.
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

from migrations.clickhouse.ddl import current, run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = "SELECT table, name FROM system.columns WHERE database = currentDatabase()"
# The granules of rows cannot be changed in a table that is there.
GRANULES = """
SELECT extract(engine_full, 'index_granularity = ([0-9]+)') FROM system.tables
WHERE database = currentDatabase() AND name = 'user_days'
"""
PEOPLE_GRANULES = "1024"
# Columns that 0001 did not make at first. 0002 makes `sums` anew with the columns that it adds.
SUMS = (
    *("turns", "user_messages", "answers", "failed", "cancelled", "rejected", "incomplete"),
    *("fallbacks", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"),
    *("unpriced", "answer_parts", "flood_waits", "flood_wait_ms"),
)
SUMS_AS_LIST = f"sums Array(UInt64) MATERIALIZED [{', '.join(SUMS)}] AFTER flood_wait_ms"
NEWEST = "newest Array(Tuple(Int64, UUID)) AFTER busiest"
LATER = {"quarter_users": (SUMS_AS_LIST,), "day_users": (SUMS_AS_LIST, NEWEST)}


def repair(*revisions: str) -> None:
    """Give the tables of 0001 the form that it gives them now, after so many revisions."""
    connection = op.get_bind()
    columns: dict[str, set[str]] = {}
    for table, name in connection.execute(text(COLUMNS)):
        columns.setdefault(table, set()).add(name)
    if "turns" not in columns:
        return
    differs = [
        table
        for table, is_current in (
            ("dialog_days", "latest" in columns.get("dialog_days", ())),
            ("user_days", connection.execute(text(GRANULES)).scalar() == PEOPLE_GRANULES),
        )
        if not is_current
    ]
    lacks = [
        table
        for table, added in LATER.items()
        if not {column.split()[0] for column in added} <= columns.get(table, set())
    ]
    if not differs and not lacks:
        return
    ddl = current()
    if "published" in columns:
        # First: cut short, this is run again, and until then reports say that nothing is published.
        run([f"TRUNCATE TABLE published{ddl.on_cluster}"])
    for table in differs:
        run(ddl.drop_table(table))
    # Every statement of these is harmless the second time.
    for name in revisions:
        context.script.get_revision(name).module.upgrade()
    for table in lacks:
        added = [f"ADD COLUMN IF NOT EXISTS {column}" for column in LATER[table]]
        run(ddl.alter_table(table, *added))


def upgrade() -> None:
    if context.is_offline_mode():
        op.execute("-- 0004 looks at the tables that are there: it has no statements to preview")
    else:
        repair("0001", "0002", "0003")


def downgrade() -> None:
    """The tables are those of 0001 already."""
