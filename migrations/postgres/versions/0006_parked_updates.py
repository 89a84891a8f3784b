"""Parked updates: found without reading the whole inbox, and emptied when they have served."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# With the rights of its owner, so that whoever runs the nightly retention may neither read a
# payload nor empty one that still waits. Rows that somebody else is changing wait for the next
# night: /forget empties them, and what an operator gives back is not parked any more.
ERASE_PARKED_PAYLOADS = """
CREATE FUNCTION erase_parked_payloads(days integer, most integer) RETURNS SETOF bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH served AS (
        SELECT bot_id, update_id FROM updates
        WHERE outcome = 'parked' AND payload IS NOT NULL
            AND settled_at < now() - make_interval(days => days)
        LIMIT most
        FOR UPDATE SKIP LOCKED
    )
    UPDATE updates SET payload = NULL FROM served
    WHERE updates.bot_id = served.bot_id AND updates.update_id = served.update_id
    RETURNING updates.update_id
$$
"""


def upgrade() -> None:
    op.create_index(
        "ix_updates_parked",
        "updates",
        ["settled_at"],
        postgresql_where=sa.text("outcome = 'parked'"),
    )
    op.execute(ERASE_PARKED_PAYLOADS)
    op.execute("REVOKE ALL ON FUNCTION erase_parked_payloads FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION erase_parked_payloads")
    op.drop_index("ix_updates_parked", table_name="updates")
