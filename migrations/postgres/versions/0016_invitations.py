"""Invitations to the bot and to the API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# With the rights of its owner: the bot may add this event to the audit trail, and no other.
RECORD_INVITATION_USE = """
CREATE FUNCTION record_invitation_use(invitation_id bigint, user_key integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO audit_events (kind, details)
    VALUES (
        'invitation_used',
        jsonb_build_object('invitation_id', invitation_id, 'user_key', user_key)
    )
$$
"""


def upgrade() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("beginning", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column(
            "scopes",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('bot', 'account')", name=op.f("ck_invitations_kind")),
        sa.CheckConstraint("uses BETWEEN 0 AND max_uses", name=op.f("ck_invitations_uses")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("digest", name=op.f("uq_invitations_digest")),
    )
    op.execute(RECORD_INVITATION_USE)
    op.execute("REVOKE ALL ON FUNCTION record_invitation_use FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION record_invitation_use")
    op.drop_table("invitations")
