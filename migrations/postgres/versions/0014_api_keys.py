"""API keys. Their changes are announced like those of their account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ANNOUNCE = """
CREATE FUNCTION announce_credential() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('api_users', OLD.account_id::text);
    RETURN NULL;
END
$$
"""


COMPARED = ("account_id", "digest", "scopes", "rate_limit", "expires_at", "revoked_at")


def compared(row: str) -> str:
    return f"({', '.join(f'{row}.{name}' for name in COMPARED)})"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("beginning", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("rate_limit", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["api_users.id"], name=op.f("fk_api_keys_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index(op.f("ix_api_keys_account_id"), "api_keys", ["account_id"])
    op.execute(ANNOUNCE)
    # Not at each use.
    op.execute(
        "CREATE TRIGGER announce_api_key_change AFTER UPDATE ON api_keys FOR EACH ROW"
        f" WHEN ({compared('OLD')} IS DISTINCT FROM {compared('NEW')})"
        " EXECUTE FUNCTION announce_credential()"
    )
    op.execute(
        "CREATE TRIGGER announce_api_key_end AFTER DELETE ON api_keys FOR EACH ROW"
        " EXECUTE FUNCTION announce_credential()"
    )


def downgrade() -> None:
    op.drop_table("api_keys")
    op.execute("DROP FUNCTION announce_credential")
