"""How people rated answers, and which messages an answer was sent in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from common.postgres import Xid8

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sent_answers",
        sa.Column("message_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"],
            ["messages.id"],
            name=op.f("fk_sent_answers_answer_id_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_hmac", name=op.f("pk_sent_answers")),
    )
    op.create_index(op.f("ix_sent_answers_answer_id"), "sent_answers", ["answer_id"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("turn_id", sa.Uuid(), nullable=False),
        sa.Column("dialog_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_key", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "version", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False
        ),
        sa.CheckConstraint("verdict IN (-1, 0, 1)", name=op.f("ck_feedback_verdict")),
        sa.CheckConstraint("given_by IN ('button', 'reaction')", name=op.f("ck_feedback_given_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("turn_id", "user_key", name=op.f("uq_feedback_turn_id_user_key")),
    )
    op.create_index(op.f("ix_feedback_version_id"), "feedback", ["version", "id"])
    op.create_index(op.f("ix_feedback_user_key"), "feedback", ["user_key"])
    op.create_index(
        "ix_feedback_bad", "feedback", ["given_at"], postgresql_where=sa.text("verdict < 0")
    )
    op.execute(
        "CREATE TRIGGER refresh_version BEFORE UPDATE ON feedback"
        " FOR EACH ROW EXECUTE FUNCTION refresh_version()"
    )
    op.execute(
        "CREATE TRIGGER record_tombstone AFTER DELETE ON feedback"
        " FOR EACH ROW EXECUTE FUNCTION record_tombstone('id')"
    )
    op.execute("GRANT SELECT ON feedback TO dialytics_reader")


def downgrade() -> None:
    op.drop_table("feedback")
    op.drop_table("sent_answers")
