-- One row per limit of the bill with attempts of unknown cost: how many, and what they count. No row:
-- the cost of all is known.
SELECT given.bot_id, given.period, count(*) AS calls, sum(spent.usd) AS usd
FROM unnest(
    CAST(:bots AS bigint[]), CAST(:starts AS date[]), CAST(:periods AS text[]),
    CAST(:begins AS timestamptz[])
) AS given(bot_id, period_start, period, begins)
-- An attempt may be made days after its message was received.
JOIN turns AS turn ON turn.received_at >= given.begins - interval '7 days'
JOIN llm_calls AS call ON call.turn_id = turn.id AND call.cost_usd IS NULL
CROSS JOIN LATERAL billed_usd(
    call.cost_usd, call.outcome, call.is_unpriced, call.http_status,
    coalesce(call.reserve_usd, CAST(:reserve_usd AS numeric))
) AS spent(usd)
WHERE given.bot_id IN (0, turn.bot_id)
  AND coalesce(call.billed_on >= given.period_start, turn.received_at >= given.begins)
  AND spent.usd > 0
GROUP BY given.bot_id, given.period
