"""What a question quotes and which messages it was written in; what the bot could not handle."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("sealed_parts", sa.LargeBinary()))
    op.add_column("updates", sa.Column("refused_kind", sa.Text()))


def downgrade() -> None:
    op.drop_column("updates", "refused_kind")
    op.drop_column("messages", "sealed_parts")
