"""Accounts of people who read statistics, the record of texts they read, the reader's role."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

READABLE = "users, dialogs, messages, turns"

# Roles belong to the whole server, so another database may have made this one already.
CREATE_READER = """
DO $$
BEGIN
    CREATE ROLE dialytics_reader NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$
"""

ANNOUNCE = """
CREATE FUNCTION announce_api_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('api_users', OLD.id::text);
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "api_users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column(
            "scopes",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{stats:read}'::text[]"),
            nullable=False,
        ),
        sa.Column("credentials_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_users")),
        sa.UniqueConstraint("username", name=op.f("uq_api_users_username")),
    )
    op.create_table(
        "text_readings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("dialog_id", sa.Uuid(), nullable=False),
        sa.Column("user_keys", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["api_users.id"], name=op.f("fk_text_readings_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_readings")),
    )
    op.create_index(op.f("ix_text_readings_account_id_id"), "text_readings", ["account_id", "id"])
    op.execute(ANNOUNCE)
    op.execute(
        "CREATE TRIGGER announce_api_user AFTER UPDATE OR DELETE ON api_users"
        " FOR EACH ROW EXECUTE FUNCTION announce_api_user()"
    )
    op.execute(CREATE_READER)
    op.execute("GRANT dialytics_reader TO CURRENT_USER")
    op.execute("GRANT USAGE ON SCHEMA public TO dialytics_reader")
    op.execute(f"GRANT SELECT ON {READABLE} TO dialytics_reader")


def downgrade() -> None:
    # The role stays: other databases of the server may use it.
    op.execute(f"REVOKE SELECT ON {READABLE} FROM dialytics_reader")  # noqa: S608 # our own names
    op.execute("REVOKE USAGE ON SCHEMA public FROM dialytics_reader")
    op.drop_index(op.f("ix_text_readings_account_id_id"), table_name="text_readings")
    op.drop_table("text_readings")
    op.drop_table("api_users")
    op.execute("DROP FUNCTION announce_api_user")
