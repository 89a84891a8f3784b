"""People choose whether analysts may read their texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None

READABLE = "(user_key, are_texts_readable) ON user_settings"


def upgrade() -> None:
    op.add_column("user_settings", sa.Column("are_texts_readable", sa.Boolean()))
    # True for all rows there are, without writing any: a written row would be replicated again.
    op.add_column(
        "users",
        sa.Column("predates_choice", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.alter_column("users", "predates_choice", server_default=sa.text("false"))
    op.execute(f"GRANT SELECT {READABLE} TO dialytics_reader")


def downgrade() -> None:
    op.execute(f"REVOKE SELECT {READABLE} FROM dialytics_reader")  # noqa: S608 # our own names
    op.drop_column("users", "predates_choice")
    op.drop_column("user_settings", "are_texts_readable")
