-- One row: every figure of [since, until) without a whole day in it, of one bot or all.
-- `sums` are in the order of traffic.SUMMED.
SELECT
    sumForEach(sums) AS sums,
    sum(cost_usd) AS cost_usd,
    quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
    quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(ttft) AS ttft,
    groupBitmapMerge(active) AS active_users,
    groupBitmapMerge(reached) AS reached_users,
    groupBitmapMerge(served) AS served_users,
    groupBitmapMerge(new) AS new_users
FROM quarter_users
WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
