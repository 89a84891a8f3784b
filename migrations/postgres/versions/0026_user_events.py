"""Commands that people use, and that they block the bot and come back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from common.postgres import Xid8

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("user_key", sa.Integer(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chat_type", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column(
            "version", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False
        ),
        sa.CheckConstraint(
            "kind IN ('command', 'blocked', 'unblocked')", name=op.f("ck_user_events_kind")
        ),
        sa.CheckConstraint(
            "(kind = 'command') = (name IS NOT NULL)", name=op.f("ck_user_events_name")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_events")),
    )
    op.create_index(op.f("ix_user_events_version_id"), "user_events", ["version", "id"])
    op.create_index(op.f("ix_user_events_user_key"), "user_events", ["user_key"])
    op.execute(
        "CREATE TRIGGER refresh_version BEFORE UPDATE ON user_events"
        " FOR EACH ROW EXECUTE FUNCTION refresh_version()"
    )
    op.execute(
        "CREATE TRIGGER record_tombstone AFTER DELETE ON user_events"
        " FOR EACH ROW EXECUTE FUNCTION record_tombstone('id')"
    )


def downgrade() -> None:
    op.drop_table("user_events")
