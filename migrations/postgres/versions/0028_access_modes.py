"""Each bot states who has access to it, because invitations have no effect in most modes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bots", sa.Column("access_mode", sa.Text()))


def downgrade() -> None:
    op.drop_column("bots", "access_mode")
