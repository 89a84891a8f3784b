-- A row: one whole day of the report zone of one bot, with its states as the engine keeps them.
-- The builds name the days, see summary_days. `sums` are in the order of traffic.SUMMED.
SELECT
    day,
    version,
    bot_id,
    sums,
    cost_usd,
    hex(latency) AS latency,
    hex(ttft) AS ttft,
    hex(active) AS active,
    hex(reached) AS reached,
    hex(served) AS served,
    hex(new) AS new,
    busiest,
    newest
FROM day_users
PREWHERE (day, version) IN {builds:Array(Tuple(Date, UInt64))}
ORDER BY day, bot_id
