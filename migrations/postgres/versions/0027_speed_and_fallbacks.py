"""Keeps with a turn how fast its answer was written, and what a fallback cost it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

COUNTS = ("generation_ms", "generated_tokens", "fallback_wait_ms")


def upgrade() -> None:
    # 0 and NULL in all rows, without writing any: a written row would be replicated again.
    for name in COUNTS:
        op.add_column(
            "turns", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
        )
    op.add_column("turns", sa.Column("fallback_cost_usd", sa.Numeric(18, 10)))


def downgrade() -> None:
    for name in (*COUNTS, "fallback_cost_usd"):
        op.drop_column("turns", name)
