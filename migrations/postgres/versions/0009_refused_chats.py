"""Chats that refuse the bot's messages: after some refusals no answer is paid for there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refused_chats",
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("refusals", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "refused_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("bot_id", "chat_hmac", name=op.f("pk_refused_chats")),
    )


def downgrade() -> None:
    op.drop_table("refused_chats")
