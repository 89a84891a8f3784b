"""Alerts, their events, and where and when a message of the outbox is sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def moment(name: str, *, is_set: bool = False) -> sa.Column[object]:
    kind = sa.DateTime(timezone=True)
    if is_set:
        return sa.Column(name, kind, server_default=NOW, nullable=False)
    return sa.Column(name, kind, nullable=True)


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("filters", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("width", sa.Text(), nullable=False),
        sa.Column("test", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("no_data", sa.Text(), nullable=False),
        sa.Column("quiet_from", sa.SmallInteger(), nullable=True),
        sa.Column("quiet_until", sa.SmallInteger(), nullable=True),
        sa.Column("to_operator", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "chat_ids",
            postgresql.ARRAY(sa.BigInteger()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        moment("muted_until"),
        moment("judged_through", is_set=True),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        moment("created_at", is_set=True),
        moment("updated_at", is_set=True),
        sa.CheckConstraint("width IN ('hour', 'day', 'week')", name=op.f("ck_alerts_width")),
        sa.CheckConstraint(
            "test IN ('above', 'below', 'times_usual', 'unusual')", name=op.f("ck_alerts_test")
        ),
        sa.CheckConstraint("no_data IN ('ignore', 'zero', 'fire')", name=op.f("ck_alerts_no_data")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_table(
        "alert_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("silence", sa.Text(), nullable=True),
        moment("fired_at", is_set=True),
        moment("acknowledged_at"),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "silence IN ('muted', 'acknowledged', 'late')", name=op.f("ck_alert_events_silence")
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["alerts.id"],
            name=op.f("fk_alert_events_alert_id_alerts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_events")),
        sa.UniqueConstraint(
            "alert_id", "window_start", name=op.f("uq_alert_events_alert_id_window_start")
        ),
    )
    op.add_column(
        "outbox",
        sa.Column("channel", sa.Text(), server_default=sa.text("'operator'"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_outbox_channel"), "outbox", "channel IN ('operator', 'chat', 'webhook')"
    )
    op.add_column(
        "outbox",
        sa.Column("resends", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column("outbox", moment("send_after"))
    op.add_column("outbox", sa.Column("problem", sa.Text(), nullable=True))


def downgrade() -> None:
    # An older bot would send these to the operator's chat.
    op.execute("DELETE FROM outbox WHERE channel <> 'operator'")
    for column in ("problem", "send_after", "resends", "channel"):
        op.drop_column("outbox", column)
    op.drop_table("alert_events")
    op.drop_table("alerts")
