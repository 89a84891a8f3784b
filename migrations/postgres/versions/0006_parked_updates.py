"""Parked updates, found without reading the whole inbox: retention and operators ask for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_updates_parked",
        "updates",
        ["settled_at"],
        postgresql_where=sa.text("outcome = 'parked'"),
    )


def downgrade() -> None:
    op.drop_index("ix_updates_parked", table_name="updates")
