"""The bot's tables: people, dialogs, ledger, inbox; triggers that keep row versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from common.postgres import Xid8

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Table -> its primary key, which a tombstone names.
REPLICATED = {"users": "key", "turns": "id"}

REFRESH_VERSION = """
CREATE FUNCTION refresh_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version = pg_current_xact_id();
    RETURN NEW;
END $$
"""

RECORD_TOMBSTONE = """
CREATE FUNCTION record_tombstone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tombstones (table_name, row_id)
    VALUES (TG_TABLE_NAME, to_jsonb(OLD) ->> TG_ARGV[0]);
    RETURN NULL;
END $$
"""

# Locks are session locks of the calling connection: they vanish with the process. The function
# is volatile, so its query sees what others committed before they gave a lane up; in one plain
# statement the snapshot would be older than the locks.
CLAIM_LANES = """
CREATE FUNCTION claim_lanes(
    bot bigint, released bigint[], held bytea[], wanted bytea[], wanted_locks bigint[], most integer
) RETURNS TABLE (
    lane bytea, update_id bigint, received_at timestamptz, kind text, payload bytea,
    attempts smallint, turn_id uuid, user_key integer, wrapped_key bytea, language text
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    mine bytea[];
BEGIN
    PERFORM pg_advisory_unlock(given.lock) FROM unnest(released) AS given(lock);
    SELECT coalesce(array_agg(given.lane), '{}') || held INTO mine
    FROM unnest(wanted, wanted_locks) AS given(lane, lock)
    WHERE pg_try_advisory_lock(given.lock);
    RETURN QUERY
    SELECT given.lane, open.update_id, open.received_at, open.kind, open.payload,
           open.attempts, open.turn_id, open.user_key, person.wrapped_key, person.language
    FROM unnest(mine) AS given(lane)
    LEFT JOIN LATERAL (
        SELECT * FROM updates
        WHERE updates.bot_id = bot AND updates.lane = given.lane AND updates.outcome IS NULL
        ORDER BY updates.update_id
        LIMIT most
    ) AS open ON true
    LEFT JOIN users AS person ON person.key = open.user_key
    ORDER BY given.lane, open.update_id;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "llm_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("turn_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("first_token_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finish_reason", sa.Text(), nullable=True),
        sa.Column("model_used", sa.Text(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=18, scale=10), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_llm_calls")),
        sa.UniqueConstraint("turn_id", "attempt", name=op.f("uq_llm_calls_turn_id_attempt")),
    )
    op.create_table(
        "spent_budgets",
        sa.Column("telegram_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=18, scale=10), nullable=False),
        sa.PrimaryKeyConstraint(
            "telegram_hmac", "period_start", "period", name=op.f("pk_spent_budgets")
        ),
    )
    op.create_table(
        "tombstones",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("row_id", sa.Text(), nullable=False),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "version", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tombstones")),
    )
    op.create_index(op.f("ix_tombstones_version_id"), "tombstones", ["version", "id"], unique=False)
    op.create_table(
        "turns",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("user_key", sa.Integer(), nullable=False),
        sa.Column("dialog_id", sa.Uuid(), nullable=False),
        sa.Column("chat_type", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("user_messages", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_token_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("model_asked", sa.Text(), nullable=True),
        sa.Column("model_used", sa.Text(), nullable=True),
        sa.Column("fallback_cause", sa.Text(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=18, scale=10), nullable=True),
        sa.Column("finish_reason", sa.Text(), nullable=True),
        sa.Column("user_chars", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("answer_chars", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("answer_parts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("flood_wait_ms", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "version", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'answered', 'failed', 'cancelled', 'rejected')",
            name=op.f("ck_turns_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turns")),
    )
    op.create_index(
        "ix_turns_pending",
        "turns",
        ["bot_id"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(op.f("ix_turns_received_at"), "turns", ["received_at"], unique=False)
    op.create_index(
        op.f("ix_turns_user_key_received_at"), "turns", ["user_key", "received_at"], unique=False
    )
    op.create_index(op.f("ix_turns_version_id"), "turns", ["version", "id"], unique=False)
    op.create_table(
        "updates",
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("update_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lane", sa.LargeBinary(), nullable=False),
        sa.Column("user_key", sa.Integer(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("turn_id", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('turn', 'command', 'ignored', 'parked')", name=op.f("ck_updates_outcome")
        ),
        sa.PrimaryKeyConstraint("bot_id", "update_id", name=op.f("pk_updates")),
    )
    op.create_index(
        "ix_updates_open",
        "updates",
        ["bot_id", "lane", "update_id"],
        unique=False,
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_table(
        "users",
        sa.Column("key", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("telegram_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_profile", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "version", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_users")),
        sa.UniqueConstraint("telegram_hmac", name=op.f("uq_users_telegram_hmac")),
    )
    op.create_index(op.f("ix_users_version_key"), "users", ["version", "key"], unique=False)
    op.create_table(
        "dialogs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("chat_type", sa.Text(), nullable=False),
        sa.Column("user_key", sa.Integer(), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_key"], ["users.key"], name=op.f("fk_dialogs_user_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dialogs")),
    )
    op.create_index(op.f("ix_dialogs_user_key"), "dialogs", ["user_key"], unique=False)
    op.create_index(
        "uq_dialogs_open",
        "dialogs",
        ["bot_id", "chat_hmac", "thread_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "user_settings",
        sa.Column("user_key", sa.Integer(), nullable=False),
        sa.Column("max_history_messages", sa.SmallInteger(), nullable=True),
        sa.Column("sealed_system_prompt", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_key"], ["users.key"], name=op.f("fk_user_settings_user_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_key", name=op.f("pk_user_settings")),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_key", sa.Integer(), nullable=False),
        sa.Column("dialog_id", sa.Uuid(), nullable=False),
        sa.Column("turn_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_length", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('user', 'assistant')", name=op.f("ck_messages_role")),
        sa.ForeignKeyConstraint(
            ["dialog_id"], ["dialogs.id"], name=op.f("fk_messages_dialog_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_key"], ["users.key"], name=op.f("fk_messages_user_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(
        op.f("ix_messages_dialog_id_created_at"),
        "messages",
        ["dialog_id", "created_at"],
        unique=False,
    )
    op.create_index(op.f("ix_messages_turn_id"), "messages", ["turn_id"], unique=False)
    op.create_index(op.f("ix_messages_user_key"), "messages", ["user_key"], unique=False)
    op.execute(REFRESH_VERSION)
    op.execute(RECORD_TOMBSTONE)
    op.execute(CLAIM_LANES)
    for table, identifier in REPLICATED.items():
        op.execute(
            f"CREATE TRIGGER refresh_version BEFORE UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refresh_version()"
        )
        op.execute(
            f"CREATE TRIGGER record_tombstone AFTER DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION record_tombstone('{identifier}')"
        )


def downgrade() -> None:
    op.execute("DROP FUNCTION claim_lanes")
    op.drop_index(op.f("ix_messages_user_key"), table_name="messages")
    op.drop_index(op.f("ix_messages_turn_id"), table_name="messages")
    op.drop_index(op.f("ix_messages_dialog_id_created_at"), table_name="messages")
    op.drop_table("messages")
    op.drop_table("user_settings")
    op.drop_index(
        "uq_dialogs_open", table_name="dialogs", postgresql_where=sa.text("closed_at IS NULL")
    )
    op.drop_index(op.f("ix_dialogs_user_key"), table_name="dialogs")
    op.drop_table("dialogs")
    op.drop_index(op.f("ix_users_version_key"), table_name="users")
    op.drop_table("users")
    op.drop_index(
        "ix_updates_open", table_name="updates", postgresql_where=sa.text("outcome IS NULL")
    )
    op.drop_table("updates")
    op.drop_index(op.f("ix_turns_version_id"), table_name="turns")
    op.drop_index(op.f("ix_turns_user_key_received_at"), table_name="turns")
    op.drop_index(op.f("ix_turns_received_at"), table_name="turns")
    op.drop_index(
        "ix_turns_pending", table_name="turns", postgresql_where=sa.text("status = 'pending'")
    )
    op.drop_table("turns")
    op.drop_index(op.f("ix_tombstones_version_id"), table_name="tombstones")
    op.drop_table("tombstones")
    op.drop_table("spent_budgets")
    op.drop_table("llm_calls")
    op.execute("DROP FUNCTION record_tombstone")
    op.execute("DROP FUNCTION refresh_version")
