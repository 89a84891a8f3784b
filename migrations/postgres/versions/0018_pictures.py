"""Pictures of questions, and what each request to a model is for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "messages",
        sa.Column("pictures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_table(
        "pictures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("user_key", sa.Integer(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messages.id"],
            name=op.f("fk_pictures_message_id_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pictures")),
    )
    op.create_index(op.f("ix_pictures_message_id"), "pictures", ["message_id"])
    op.create_index(op.f("ix_pictures_created_at"), "pictures", ["created_at"])
    op.add_column(
        "llm_calls",
        sa.Column("purpose", sa.Text(), server_default=sa.text("'answer'"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_llm_calls_purpose"),
        "llm_calls",
        "purpose IN ('answer', 'summary', 'transcription')",
    )
    op.add_column("llm_calls", sa.Column("image_tokens", sa.Integer()))
    op.add_column("llm_calls", sa.Column("audio_tokens", sa.Integer()))
    op.add_column("llm_calls", sa.Column("audio_seconds", sa.Numeric(9, 3)))


def downgrade() -> None:
    for column in ("audio_seconds", "audio_tokens", "image_tokens", "purpose"):
        op.drop_column("llm_calls", column)
    op.drop_table("pictures")
    op.drop_column("messages", "pictures")
