"""Rules of operators about a person, a group or a role, and the notices about bans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# One row: the rules in force for a person in a chat. A ban of the person or the chat outranks an
# `allow`, which outranks a ban of the role. A limit or a list of models of the person outranks that
# of the chat, which outranks that of the role. Inlined into the statements that call it.
RULES_OF = """
CREATE FUNCTION rules_of(person_hmac bytea, chat_hmac bytea, is_admin boolean)
RETURNS TABLE (
    access text, banned_until timestamptz, is_chat_banned boolean,
    daily_messages integer, monthly_messages integer, daily_usd numeric, monthly_usd numeric,
    chat_daily_messages integer, chat_daily_usd numeric, models text[]
) LANGUAGE sql STABLE AS $$
    SELECT CASE
               WHEN bool_or(rule.kind = 'ban' AND rule.subject IN ('person', 'chat')) THEN 'ban'
               WHEN bool_or(rule.kind = 'allow') THEN 'allow'
               WHEN bool_or(rule.kind = 'ban') THEN 'ban'
           END,
           -- No end if any of several bans has none.
           CASE WHEN bool_and(rule.until IS NOT NULL) FILTER (WHERE rule.kind = 'ban')
                THEN max(rule.until) FILTER (WHERE rule.kind = 'ban') END,
           coalesce(bool_or(rule.subject = 'chat') FILTER (WHERE rule.kind = 'ban'), false)
               AND NOT bool_or(rule.kind = 'ban' AND rule.subject = 'person'),
           coalesce(max(rule.daily_messages) FILTER (WHERE rule.subject = 'person'),
                    max(rule.daily_messages) FILTER (WHERE rule.subject_hmac = '')),
           coalesce(max(rule.monthly_messages) FILTER (WHERE rule.subject = 'person'),
                    max(rule.monthly_messages) FILTER (WHERE rule.subject_hmac = '')),
           coalesce(max(rule.daily_usd) FILTER (WHERE rule.subject = 'person'),
                    max(rule.daily_usd) FILTER (WHERE rule.subject_hmac = '')),
           coalesce(max(rule.monthly_usd) FILTER (WHERE rule.subject = 'person'),
                    max(rule.monthly_usd) FILTER (WHERE rule.subject_hmac = '')),
           max(rule.daily_messages) FILTER (WHERE rule.subject = 'chat'),
           max(rule.daily_usd) FILTER (WHERE rule.subject = 'chat'),
           coalesce(max(rule.models) FILTER (WHERE rule.subject = 'person'),
                    max(rule.models) FILTER (WHERE rule.subject = 'chat'),
                    max(rule.models) FILTER (WHERE rule.subject_hmac = ''))
    FROM access_rules AS rule
    WHERE (rule.subject, rule.subject_hmac) IN (
              ('person', person_hmac), ('chat', chat_hmac),
              (CASE WHEN is_admin THEN 'admins' ELSE 'everyone' END, ''::bytea)
          )
      AND (rule.until IS NULL OR rule.until > now())
$$
"""


def upgrade() -> None:
    op.create_table(
        "access_rules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("dialog_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("daily_messages", sa.Integer(), nullable=True),
        sa.Column("monthly_messages", sa.Integer(), nullable=True),
        sa.Column("daily_usd", sa.Numeric(18, 10), nullable=True),
        sa.Column("monthly_usd", sa.Numeric(18, 10), nullable=True),
        sa.Column("models", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column(
            "set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "subject IN ('person', 'chat', 'everyone', 'admins')",
            name=op.f("ck_access_rules_subject"),
        ),
        sa.CheckConstraint(
            "kind IN ('ban', 'allow', 'limits', 'models')", name=op.f("ck_access_rules_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_rules")),
        sa.UniqueConstraint(
            "subject",
            "subject_hmac",
            "kind",
            name=op.f("uq_access_rules_subject_subject_hmac_kind"),
        ),
    )
    op.execute(RULES_OF)
    op.execute("GRANT SELECT ON access_rules TO dialytics_reader")
    op.create_table(
        "ban_notices",
        sa.Column("subject_hmac", sa.LargeBinary(), nullable=False),
        sa.Column(
            "sent_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("subject_hmac", name=op.f("pk_ban_notices")),
    )


def downgrade() -> None:
    op.drop_table("ban_notices")
    op.execute("DROP FUNCTION rules_of")
    op.drop_table("access_rules")
