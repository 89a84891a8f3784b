-- One row: every figure of [since, until) at one snapshot, of one bot or all.
-- Whole days come from days, what is left around them from quarters of an hour.
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
FROM (
    SELECT sums, cost_usd, latency, ttft, active, reached, served, new
    FROM day_users
    PREWHERE day BETWEEN {first_day:Date} AND {last_day:Date}
      AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
    WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
    UNION ALL
    SELECT sums, cost_usd, latency, ttft, active, reached, served, new
    FROM quarter_users
    PREWHERE (day < {first_day:Date} OR day > {last_day:Date})
      AND bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
    WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
)
