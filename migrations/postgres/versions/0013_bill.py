"""The whole bill: each attempt's reserve, and running totals by bot and by period."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# An attempt counts with its cost; while that is unknown, with its reserve. An error status costs
# nothing unless the provider states a cost.
BILLED_USD = """
CREATE FUNCTION billed_usd(
    cost_usd numeric, outcome text, is_unpriced boolean, http_status smallint, reserve_usd numeric
) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(
        cost_usd,
        CASE WHEN outcome IS NULL OR (is_unpriced AND coalesce(http_status, 200) < 300)
             THEN reserve_usd END,
        0
    )
$$
"""
# Totals exist only under a limit: without one, an attempt costs one look-up that finds no row.
COUNT_BILL = """
CREATE FUNCTION count_bill() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bots bigint[] := ARRAY[0, NEW.bot_id];
    starts date[] := ARRAY[NEW.billed_on, CAST(date_trunc('month', NEW.billed_on) AS date)];
    added numeric := billed_usd(
        NEW.cost_usd, NEW.outcome, NEW.is_unpriced, NEW.http_status, NEW.reserve_usd
    );
BEGIN
    IF TG_OP = 'UPDATE' THEN
        added := added - billed_usd(
            OLD.cost_usd, OLD.outcome, OLD.is_unpriced, OLD.http_status, OLD.reserve_usd
        );
    END IF;
    IF added = 0 THEN
        RETURN NULL;
    END IF;
    -- Locked in one order, so that two transactions do not wait for each other.
    PERFORM FROM bill_totals AS total
    WHERE total.bot_id = ANY(bots) AND total.period_start = ANY(starts)
      AND (total.period = 'month' OR total.period_start = NEW.billed_on)
    ORDER BY total.bot_id, total.period_start, total.period
    FOR UPDATE;
    IF FOUND THEN
        UPDATE bill_totals AS total SET usd = usd + added
        WHERE total.bot_id = ANY(bots) AND total.period_start = ANY(starts)
          AND (total.period = 'month' OR total.period_start = NEW.billed_on);
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.add_column("llm_calls", sa.Column("bot_id", sa.BigInteger()))
    op.add_column("llm_calls", sa.Column("billed_on", sa.Date()))
    op.add_column("llm_calls", sa.Column("reserve_usd", sa.Numeric(18, 10)))
    op.create_table(
        "bill_totals",
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("usd", sa.Numeric(18, 10), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("period IN ('day', 'month')", name=op.f("ck_bill_totals_period")),
        sa.PrimaryKeyConstraint("bot_id", "period_start", "period", name=op.f("pk_bill_totals")),
    )
    op.execute(BILLED_USD)
    op.execute(COUNT_BILL)
    op.execute(
        "CREATE TRIGGER count_bill AFTER INSERT OR UPDATE OF cost_usd, outcome, is_unpriced,"
        " http_status, reserve_usd ON llm_calls FOR EACH ROW EXECUTE FUNCTION count_bill()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER count_bill ON llm_calls")
    op.execute("DROP FUNCTION count_bill")
    op.execute("DROP FUNCTION billed_usd")
    op.drop_table("bill_totals")
    for column in ("reserve_usd", "billed_on", "bot_id"):
        op.drop_column("llm_calls", column)
