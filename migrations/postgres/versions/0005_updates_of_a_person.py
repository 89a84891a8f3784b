"""The updates of a person, found without reading the whole inbox: /forget asks for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_updates_user_key",
        "updates",
        ["user_key"],
        postgresql_where=sa.text("user_key IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_updates_user_key", table_name="updates")
