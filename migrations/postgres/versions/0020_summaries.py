"""Summaries of long dialogs, and who gets no rich messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "summaries",
        sa.Column("dialog_id", sa.Uuid(), nullable=False),
        sa.Column("user_key", sa.Integer(), nullable=False),
        sa.Column("first_message_id", sa.Uuid(), nullable=False),
        sa.Column("covers_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["dialog_id"],
            ["dialogs.id"],
            name=op.f("fk_summaries_dialog_id_dialogs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_key"],
            ["users.key"],
            name=op.f("fk_summaries_user_key_users"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["first_message_id"],
            ["messages.id"],
            name=op.f("fk_summaries_first_message_id_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dialog_id", name=op.f("pk_summaries")),
    )
    op.create_index(op.f("ix_summaries_user_key"), "summaries", ["user_key"])
    op.create_index(op.f("ix_summaries_first_message_id"), "summaries", ["first_message_id"])

    op.add_column(
        "user_settings",
        sa.Column("is_text_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("user_settings", "is_text_only")
    op.drop_table("summaries")
