"""Unknown costs per attempt, how an attempt failed, the bot's own waiting, and who is no person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ADDED = {
    "turns": ("pacing_wait_ms", "unpriced_calls", "is_person"),
    "users": ("is_person",),
    "llm_calls": (
        "is_unpriced",
        "http_status",
        "provider_code",
        "generation_id",
        "provider_message",
    ),
}
# The rule that the warehouse counted unpriced turns by until now.
FILL_TURNS = """
UPDATE turns SET unpriced_calls = 1
WHERE cost_usd IS NULL AND (status = 'answered' OR model_used IS NOT NULL)
"""
FILL_CALLS = """
UPDATE llm_calls SET is_unpriced = true
FROM turns
WHERE turns.id = llm_calls.turn_id AND turns.unpriced_calls = 1
  AND llm_calls.outcome IN ('answered', 'incomplete', 'cancelled')
"""

# What the API may read of the ledger: how the attempts of a dialog's turns failed.
READABLE = {
    "turns": "id, dialog_id, user_key",
    "llm_calls": "turn_id, attempt, model, started_at, ended_at, outcome, http_status,"
    " provider_code, generation_id, provider_message",
}


def _add(
    table: str, name: str, kind: sa.types.TypeEngine[object], default: str | None = None
) -> None:
    given = sa.text(default) if default else None
    op.add_column(table, sa.Column(name, kind, server_default=given, nullable=default is None))


def upgrade() -> None:
    _add("turns", "pacing_wait_ms", sa.Integer(), default="0")
    _add("turns", "unpriced_calls", sa.SmallInteger(), default="0")
    _add("turns", "is_person", sa.Boolean(), default="true")
    _add("users", "is_person", sa.Boolean(), default="true")
    _add("llm_calls", "is_unpriced", sa.Boolean(), default="false")
    _add("llm_calls", "http_status", sa.SmallInteger())
    _add("llm_calls", "provider_code", sa.Text())
    _add("llm_calls", "generation_id", sa.Text())
    _add("llm_calls", "provider_message", sa.LargeBinary())
    op.execute(FILL_TURNS)
    op.execute(FILL_CALLS)
    for table, readable in READABLE.items():
        op.execute(f"GRANT SELECT ({readable}) ON {table} TO dialytics_reader")


def downgrade() -> None:
    for table, readable in READABLE.items():
        op.execute(f"REVOKE SELECT ({readable}) ON {table} FROM dialytics_reader")  # noqa: S608 # our own names
    for table, names in ADDED.items():
        for name in names:
            op.drop_column(table, name)
