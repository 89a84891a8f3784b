"""Sealed values are bound to their row: the marker that nothing else is opened any more.

A database without a sealed value has it from the start, any other from `bot.rotation rewrap`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MARK_EMPTY_DATABASE = """
INSERT INTO sealing_marker (id)
SELECT 1
WHERE NOT EXISTS (SELECT FROM users)
    AND NOT EXISTS (SELECT FROM updates WHERE payload IS NOT NULL)
    AND NOT EXISTS (SELECT FROM llm_calls WHERE provider_message IS NOT NULL)
"""

# As in 0001, with the HMAC that the wrapped key is bound to.
CLAIM_LANES = """
CREATE FUNCTION claim_lanes(
    bot bigint, released bigint[], held bytea[], wanted bytea[], wanted_locks bigint[], most integer
) RETURNS TABLE (
    lane bytea, update_id bigint, received_at timestamptz, kind text, payload bytea,
    attempts smallint, turn_id uuid, user_key integer, wrapped_key bytea, language text{column}
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    mine bytea[];
BEGIN
    PERFORM pg_advisory_unlock(given.lock) FROM unnest(released) AS given(lock);
    SELECT coalesce(array_agg(given.lane), '{{}}') || held INTO mine
    FROM unnest(wanted, wanted_locks) AS given(lane, lock)
    WHERE pg_try_advisory_lock(given.lock);
    RETURN QUERY
    SELECT given.lane, open.update_id, open.received_at, open.kind, open.payload,
           open.attempts, open.turn_id, open.user_key, person.wrapped_key, person.language{value}
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
        "sealing_marker",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "bound_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_sealing_marker_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sealing_marker")),
    )
    op.execute("GRANT SELECT ON sealing_marker TO dialytics_reader")
    # A provider's sentence is bound to its attempt.
    op.execute("GRANT SELECT (id) ON llm_calls TO dialytics_reader")
    op.execute(MARK_EMPTY_DATABASE)
    op.execute("DROP FUNCTION claim_lanes")
    op.execute(CLAIM_LANES.format(column=", telegram_hmac bytea", value=", person.telegram_hmac"))


def downgrade() -> None:
    op.execute("DROP FUNCTION claim_lanes")
    op.execute(CLAIM_LANES.format(column="", value=""))
    op.execute("REVOKE SELECT (id) ON llm_calls FROM dialytics_reader")
    op.drop_table("sealing_marker")
