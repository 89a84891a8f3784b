-- A row: one bucket of the series, cut at midnights of the report zone, from days.
-- `edges` are the buckets' starts, in days since 1970. `sums` are in the order of traffic.SUMMED.
-- The builds name the days, see summary_days.
SELECT
    roundDown(toUInt32(day), {edges:Array(UInt32)}) AS start,
    sumForEach(sums) AS sums,
    sum(cost_usd) AS cost_usd,
    quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
    groupBitmapMerge(active) AS active_users,
    groupBitmapMerge(served) AS served_users,
    groupBitmapMerge(new) AS new_users
FROM day_users
PREWHERE (day, version) IN {builds:Array(Tuple(Date, UInt64))}
WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
GROUP BY start
ORDER BY start
