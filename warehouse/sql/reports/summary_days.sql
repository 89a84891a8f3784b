-- One row: every figure of whole days of the report zone at one snapshot, of one bot or all.
-- The builds name the days: a range beside them, or leaving PREWHERE to the planner, costs a tenth.
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
FROM day_users
PREWHERE (day, version) IN {builds:Array(Tuple(Date, UInt64))}
WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
