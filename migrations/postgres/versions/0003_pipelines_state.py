"""The pipelines' own state, and the guard of what replication relies on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


# The warehouse sorts, shards and partitions by these columns, and counts finished turns only:
# a turn may be corrected or deleted, never moved to another moment, person
# or dialog, or reopened.
GUARD_LEDGER = """
CREATE FUNCTION guard_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'turns: id, bot_id, user_key, dialog_id and received_at never change,'
        ' and a finished turn is never pending again'
        USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "replication_echo",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("previous_batch_id", sa.Uuid(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column(
            "echoed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replication_echo")),
    )
    op.execute(GUARD_LEDGER)
    op.execute(
        "CREATE TRIGGER guard_ledger BEFORE UPDATE ON turns FOR EACH ROW"
        " WHEN ((OLD.id, OLD.bot_id, OLD.user_key, OLD.dialog_id, OLD.received_at)"
        " IS DISTINCT FROM (NEW.id, NEW.bot_id, NEW.user_key, NEW.dialog_id, NEW.received_at)"
        " OR (OLD.status <> 'pending' AND NEW.status = 'pending'))"
        " EXECUTE FUNCTION guard_ledger()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER guard_ledger ON turns")
    op.execute("DROP FUNCTION guard_ledger")
    op.drop_table("replication_echo")
