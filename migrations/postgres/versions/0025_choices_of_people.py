"""People choose whether analysts may read their texts, and whether they are counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

READABLE = "(user_key, are_texts_readable) ON user_settings"
IS_COUNTED = """
CREATE FUNCTION is_counted(person integer, by_default boolean, of_earlier_people boolean)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        settings.is_counted,
        CASE WHEN users.predates_choice THEN of_earlier_people ELSE by_default END
    )
    FROM users LEFT JOIN user_settings AS settings ON settings.user_key = users.key
    WHERE users.key = person
$$
"""
LEDGER = ("turns", "feedback")


def upgrade() -> None:
    op.add_column("user_settings", sa.Column("are_texts_readable", sa.Boolean()))
    # True for all rows there are, without writing any: a written row would be replicated again.
    op.add_column(
        "users",
        sa.Column("predates_choice", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.alter_column("users", "predates_choice", server_default=sa.text("false"))
    op.execute(f"GRANT SELECT {READABLE} TO dialytics_reader")

    op.add_column("user_settings", sa.Column("is_counted", sa.Boolean()))
    for table in LEDGER:
        op.add_column(
            table,
            sa.Column("is_counted", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        )
    op.execute(IS_COUNTED)


def downgrade() -> None:
    op.execute("DROP FUNCTION is_counted")
    for table in LEDGER:
        op.drop_column(table, "is_counted")
    op.drop_column("user_settings", "is_counted")

    op.execute(f"REVOKE SELECT {READABLE} FROM dialytics_reader")  # noqa: S608 # our own names
    op.drop_column("users", "predates_choice")
    op.drop_column("user_settings", "are_texts_readable")
