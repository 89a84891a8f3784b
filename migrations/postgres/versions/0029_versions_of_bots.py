"""Each bot states its version, and the audit trail records when it changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# With the rights of its owner: the bot adds this event to the audit trail, and no other.
RECORD_CHANGED_VERSION = """
CREATE FUNCTION record_changed_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO audit_events (kind, actor, details)
    VALUES (
        'version_changed',
        'start',
        jsonb_build_object(
            'service', 'bot', 'name', NEW.username, 'before', OLD.version, 'after', NEW.version
        )
    );
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.add_column("bots", sa.Column("version", sa.Text()))
    op.execute(RECORD_CHANGED_VERSION)
    op.execute("REVOKE ALL ON FUNCTION record_changed_version FROM PUBLIC")
    op.execute(
        "CREATE TRIGGER record_changed_version AFTER UPDATE OF version ON bots FOR EACH ROW"
        " WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION record_changed_version()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER record_changed_version ON bots")
    op.execute("DROP FUNCTION record_changed_version")
    op.drop_column("bots", "version")
