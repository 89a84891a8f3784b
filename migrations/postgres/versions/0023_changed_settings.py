"""Every service records which of its settings changed."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# With the rights of its owner: a service may add this event to the audit trail, and no other.
RECORD_CHANGED_SETTINGS = """
CREATE FUNCTION record_changed_settings(service text, names text[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO audit_events (kind, actor, details)
    VALUES (
        'settings_changed',
        'start',
        jsonb_build_object('service', service, 'names', to_jsonb(names))
    )
    RETURNING id
$$
"""


def upgrade() -> None:
    op.execute(RECORD_CHANGED_SETTINGS)
    op.execute("REVOKE ALL ON FUNCTION record_changed_settings FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION record_changed_settings")
