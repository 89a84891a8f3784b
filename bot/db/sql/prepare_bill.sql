-- One row per total that did not exist: what the ledger says was spent since its period began. Run
-- while nothing else writes to llm_calls.
WITH spent AS MATERIALIZED (
    SELECT turn.bot_id, turn.received_at, call.billed_on,
           billed_usd(call.cost_usd, call.outcome, call.is_unpriced, call.http_status,
                      coalesce(call.reserve_usd, CAST(:reserve_usd AS numeric))) AS usd
    FROM turns AS turn
    JOIN llm_calls AS call ON call.turn_id = turn.id
    -- An attempt may be made days after its message was received.
    WHERE turn.received_at >= (
        SELECT min(given.begins) - interval '7 days'
        FROM unnest(CAST(:begins AS timestamptz[])) AS given(begins)
    )
)
INSERT INTO bill_totals (bot_id, period_start, period, usd)
SELECT given.bot_id, given.period_start, given.period, coalesce((
           SELECT sum(spent.usd) FROM spent
           WHERE given.bot_id IN (0, spent.bot_id)
             AND coalesce(spent.billed_on >= given.period_start, spent.received_at >= given.begins)
       ), 0)
FROM unnest(
    CAST(:bots AS bigint[]), CAST(:starts AS date[]), CAST(:periods AS text[]),
    CAST(:begins AS timestamptz[])
) AS given(bot_id, period_start, period, begins)
WHERE NOT EXISTS (
    SELECT FROM bill_totals AS total
    WHERE (total.bot_id, total.period_start, total.period)
        = (given.bot_id, given.period_start, given.period)
)
ON CONFLICT (bot_id, period_start, period) DO NOTHING
RETURNING bot_id
