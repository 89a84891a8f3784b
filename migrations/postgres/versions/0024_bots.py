"""What each bot states of itself at its start, for the dashboard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bots",
        sa.Column("bot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("has_operator_chat", sa.Boolean(), nullable=False),
        sa.Column("total_daily_usd", sa.Numeric(18, 10)),
        sa.Column("total_monthly_usd", sa.Numeric(18, 10)),
        sa.Column("bot_daily_usd", sa.Numeric(18, 10)),
        sa.Column("bot_monthly_usd", sa.Numeric(18, 10)),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("bot_id", name=op.f("pk_bots")),
    )  # fmt: skip
    op.execute("GRANT SELECT ON bots, bill_totals TO dialytics_reader")


def downgrade() -> None:
    op.execute("REVOKE SELECT ON bill_totals FROM dialytics_reader")
    op.drop_table("bots")
