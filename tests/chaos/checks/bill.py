"""Compares the totals of the bill with the ledger, and the spending with the limit."""

from __future__ import annotations

from decimal import Decimal

import asyncpg

from tests.chaos.checks.conversations import Differences

DAILY_LIMIT_USD = Decimal("1.00")
"""Reached within minutes: attempts that faults cut short count at their reserves of a cent."""
SAVING_MODEL = "chaos/saving"
"""Answers beyond the limit, so that there is traffic until the end."""
SPENT = """
SELECT given.day, coalesce(total.usd, 0) AS total, given.spent, given.limited
FROM (
    SELECT billed_on AS day, sum(usd) AS spent, sum(usd) FILTER (WHERE model <> $1) AS limited
    FROM (
        SELECT billed_on, model,
               billed_usd(cost_usd, outcome, is_unpriced, http_status, reserve_usd) AS usd
        FROM llm_calls WHERE billed_on IS NOT NULL
    ) AS call
    GROUP BY billed_on
) AS given
LEFT JOIN bill_totals AS total
       ON total.bot_id = 0 AND total.period = 'day' AND total.period_start = given.day
"""


async def bill_differs(connection: asyncpg.Connection) -> Differences:
    """Count days with a total that is not the ledger's, or with more spent than the limit.

    No attempt of the simulated models costs more than its reserve: the limit holds exactly.
    """
    found = Differences()
    for row in await connection.fetch(SPENT, SAVING_MODEL):
        found.add(
            int(row["total"] != row["spent"]),
            f"the bill of {row['day']} is {row['total']}, the ledger says {row['spent']}",
        )
        limited = row["limited"] or Decimal(0)
        found.add(
            int(limited > DAILY_LIMIT_USD),
            f"${limited} were spent on {row['day']} under a limit of ${DAILY_LIMIT_USD}",
        )
    return found
