-- The limits of the bill with their totals, locked until the commit: no two attempts are given the
-- same part of a limit.
SELECT given.name, given.period_start, given.usd AS limit_usd, total.usd
FROM bill_totals AS total
JOIN unnest(
    CAST(:limit_names AS text[]), CAST(:limit_bots AS bigint[]), CAST(:limit_starts AS date[]),
    CAST(:limit_periods AS text[]), CAST(:limits_usd AS numeric[])
) AS given(name, bot_id, period_start, period, usd) USING (bot_id, period_start, period)
ORDER BY total.bot_id, total.period_start, total.period
FOR UPDATE OF total
