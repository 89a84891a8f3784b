"""The audit trail, which takes over the record of texts read, and the digests of settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Grants keep services from changing events, this keeps the owner from doing it by mistake.
KEEP = """
CREATE FUNCTION keep_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.occurred_at < now() - interval '30 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$
"""

TAKE_OVER = """
INSERT INTO audit_events (occurred_at, kind, actor_id, actor, request_id, details)
SELECT read_at, 'texts_read', account_id, username, request_id,
       jsonb_build_object('dialog_id', dialog_id, 'user_keys', user_keys, 'messages', messages)
FROM text_readings
JOIN api_users ON api_users.id = account_id
ORDER BY text_readings.id
"""

# An API of the version before can still read and write its record.
READINGS = """
CREATE VIEW text_readings AS
SELECT id,
       actor_id AS account_id,
       (details->>'dialog_id')::uuid AS dialog_id,
       ARRAY(SELECT jsonb_array_elements_text(details->'user_keys')::integer) AS user_keys,
       (details->>'messages')::integer AS messages,
       request_id,
       occurred_at AS read_at
FROM audit_events
WHERE kind = 'texts_read'
"""
INSERT_READING = """
CREATE FUNCTION insert_text_reading() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_events (kind, actor_id, actor, request_id, details)
    VALUES (
        'texts_read',
        NEW.account_id,
        (SELECT username FROM api_users WHERE api_users.id = NEW.account_id),
        NEW.request_id,
        jsonb_build_object(
            'dialog_id', NEW.dialog_id, 'user_keys', NEW.user_keys, 'messages', NEW.messages
        )
    )
    RETURNING audit_events.id, audit_events.occurred_at INTO NEW.id, NEW.read_at;
    RETURN NEW;
END
$$
"""

GIVE_BACK = """
INSERT INTO text_readings (account_id, dialog_id, user_keys, messages, request_id, read_at)
SELECT actor_id, (details->>'dialog_id')::uuid,
       ARRAY(SELECT jsonb_array_elements_text(details->'user_keys')::integer),
       (details->>'messages')::integer, coalesce(request_id, ''), occurred_at
FROM audit_events
JOIN api_users ON api_users.id = actor_id
WHERE kind = 'texts_read'
ORDER BY audit_events.id
"""


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("occurrences", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column(
            "details", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index(op.f("ix_audit_events_occurred_at"), "audit_events", ["occurred_at"])
    op.create_index(op.f("ix_audit_events_kind_id"), "audit_events", ["kind", "id"])
    op.create_index(op.f("ix_audit_events_actor_id"), "audit_events", ["actor", "id"])
    op.create_table(
        "known_settings",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("service", "name", name=op.f("pk_known_settings")),
    )
    op.execute(TAKE_OVER)
    op.drop_index(op.f("ix_text_readings_account_id_id"), table_name="text_readings")
    op.drop_table("text_readings")
    op.execute(KEEP)
    op.execute(
        "CREATE TRIGGER keep_audit_events BEFORE UPDATE OR DELETE ON audit_events"
        " FOR EACH ROW EXECUTE FUNCTION keep_audit_events()"
    )
    op.execute(
        "CREATE TRIGGER keep_all_audit_events BEFORE TRUNCATE ON audit_events"
        " FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_events()"
    )
    op.execute(READINGS)
    op.execute(INSERT_READING)
    op.execute(
        "CREATE TRIGGER insert_text_reading INSTEAD OF INSERT ON text_readings"
        " FOR EACH ROW EXECUTE FUNCTION insert_text_reading()"
    )


def downgrade() -> None:
    op.execute("DROP VIEW text_readings")
    op.execute("DROP FUNCTION insert_text_reading")
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
    op.execute(GIVE_BACK)
    op.drop_table("known_settings")
    op.drop_table("audit_events")
    op.execute("DROP FUNCTION keep_audit_events")
