"""`python -m migrations.clickhouse.new_columns`: write the migration of new columns of the rollups.

Those that `warehouse/metrics.toml` has and the migrations so far do not make.
"""

from __future__ import annotations

import json
from pathlib import Path

from warehouse import schema
from warehouse.catalogue import SUM_COLUMNS, SumColumn

VERSIONS = Path(__file__).parent / "versions"
TIERS = ("activity", "daily", "user_days", "quarter_users", "day_users")
MIGRATION = '''"""Adds columns to the rollups: in builds that are there they read as 0."""

from __future__ import annotations

from migrations.clickhouse.ddl import current, run

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None

TIERS = {tiers}
COLUMNS = {{
{columns}
}}


def upgrade() -> None:
    added = [f"ADD COLUMN IF NOT EXISTS {{name}} {{kind}}" for name, kind in COLUMNS.items()]
    for table in TIERS:
        run(current().alter_table(table, *added))


def downgrade() -> None:
    dropped = [f"DROP COLUMN IF EXISTS {{name}}" for name in COLUMNS]
    for table in TIERS:
        run(current().alter_table(table, *dropped))
'''


def new_columns() -> list[SumColumn]:
    """Columns that the migrations so far do not make.

    Raises:
        ValueError: one of them has the rules of an older column, so that no day would be built
            again with it.
    """
    made = json.loads(schema.PATH.read_text(encoding="utf-8"))["activity"]
    found = [column for column in SUM_COLUMNS if column.name not in made]
    before = max(column.rules for column in SUM_COLUMNS if column.name in made)
    for column in found:
        if column.rules <= before:
            raise ValueError(f"metrics.toml: {column.name} needs rules = {before + 1}")
    return found


def main() -> None:
    columns = new_columns()
    if not columns:
        return
    before = max(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
    revision = f"{int(before) + 1:04}"
    names = [column.name for column in columns]
    text = MIGRATION.format(
        revision=revision,
        before=before,
        tiers=json.dumps(TIERS).replace("[", "(").replace("]", ")"),
        columns="\n".join(f'    "{column.name}": "{column.type}",' for column in columns),
    )
    (VERSIONS / f"{revision}_{'_and_'.join(names)}.py").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
