-- A row: one day of any zone of one bot, from quarters of an hour, with its states as the engine
-- keeps them. `edges` are the moments where days begin and end, as runs (start, step, count), in
-- seconds of UTC; rows that start where no day begins are of the time between two.
-- `sums` are in the order of traffic.SUMMED.
WITH
    arrayFlatten(arrayMap(
        run -> range(run.1, run.1 + run.2 * run.3, run.2),
        {edges:Array(Tuple(UInt32, UInt32, UInt32))}
    )) AS edges
SELECT
    roundDown(toUnixTimestamp(bucket), edges) AS start,
    bot_id,
    sumForEach(sums) AS sums,
    sum(cost_usd) AS cost_usd,
    hex(quantilesDDMergeState(0.01, 0.5, 0.9, 0.95, 0.99)(latency)) AS latency,
    hex(quantilesDDMergeState(0.01, 0.5, 0.9, 0.95, 0.99)(ttft)) AS ttft,
    hex(groupBitmapMergeState(active)) AS active,
    hex(groupBitmapMergeState(reached)) AS reached,
    hex(groupBitmapMergeState(served)) AS served,
    hex(groupBitmapMergeState(new)) AS new
FROM quarter_users
WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
GROUP BY start, bot_id
ORDER BY start, bot_id
