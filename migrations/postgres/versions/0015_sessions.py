"""Sessions of the dashboard, and tokens that reset passwords."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("credentials_version", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["api_users.id"], name=op.f("fk_api_sessions_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_sessions_digest")),
    )
    op.create_index(op.f("ix_api_sessions_account_id"), "api_sessions", ["account_id"])
    op.create_index(op.f("ix_api_sessions_expires_at"), "api_sessions", ["expires_at"])
    op.execute(
        "CREATE TRIGGER announce_api_session_end AFTER DELETE ON api_sessions FOR EACH ROW"
        " EXECUTE FUNCTION announce_credential()"
    )
    op.create_table(
        "password_resets",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["api_users.id"], name=op.f("fk_password_resets_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_password_resets")),
        sa.UniqueConstraint("digest", name=op.f("uq_password_resets_digest")),
    )


def downgrade() -> None:
    op.drop_table("password_resets")
    op.drop_table("api_sessions")
