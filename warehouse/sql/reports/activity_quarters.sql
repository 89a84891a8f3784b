-- A row: one bucket of the series in any zone, from quarters of an hour.
-- `edges` are the buckets' starts as runs (start, step, count), in seconds of UTC.
-- `sums` are in the order of traffic.SUMMED.
WITH
    arrayFlatten(arrayMap(
        run -> range(run.1, run.1 + run.2 * run.3, run.2),
        {edges:Array(Tuple(UInt32, UInt32, UInt32))}
    )) AS edges
SELECT
    roundDown(toUnixTimestamp(bucket), edges) AS start,
    sumForEach(sums) AS sums,
    sum(cost_usd) AS cost_usd,
    quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
    groupBitmapMerge(active) AS active_users,
    groupBitmapMerge(served) AS served_users,
    groupBitmapMerge(new) AS new_users
FROM quarter_users
WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
GROUP BY start
ORDER BY start
