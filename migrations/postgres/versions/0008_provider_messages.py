"""Sentences of providers: found without reading every call, and erased when they have served."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# With the rights of its owner, as erase_parked_payloads: whoever runs the nightly retention may
# read no sentence.
ERASE_PROVIDER_MESSAGES = """
CREATE FUNCTION erase_provider_messages(days integer, most integer) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH served AS (
        SELECT id FROM llm_calls
        WHERE provider_message IS NOT NULL AND started_at < now() - make_interval(days => days)
        LIMIT most
        FOR UPDATE SKIP LOCKED
    )
    UPDATE llm_calls SET provider_message = NULL FROM served
    WHERE llm_calls.id = served.id
    RETURNING llm_calls.id
$$
"""


def upgrade() -> None:
    op.create_index(
        "ix_llm_calls_provider_message",
        "llm_calls",
        ["started_at"],
        postgresql_where=sa.text("provider_message IS NOT NULL"),
    )
    op.execute(ERASE_PROVIDER_MESSAGES)
    op.execute("REVOKE ALL ON FUNCTION erase_provider_messages FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION erase_provider_messages")
    op.drop_index("ix_llm_calls_provider_message", table_name="llm_calls")
