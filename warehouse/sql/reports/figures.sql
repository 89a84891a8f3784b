-- A row: every figure of one bucket of a span, or with `start` 0 of the whole span, of one bot or all.
-- Days that no edge cuts come from days, the others from quarters of an hour. `spans` and `edges`
-- are where spans and their buckets begin and end, in seconds of UTC; `midnights` are where the
-- `whole_days` begin. The builds alone name the days: PREWHERE is faster written out than looked for.
SELECT
    span,
    start,
    sums[1] AS turns,
    sums[2] AS user_messages,
    sums[3] AS answers,
    sums[4] AS failed,
    sums[5] AS cancelled,
    sums[6] AS rejected,
    sums[7] AS incomplete,
    sums[8] AS fallbacks,
    sums[9] AS prompt_tokens,
    sums[10] AS completion_tokens,
    sums[11] AS cached_tokens,
    sums[12] AS reasoning_tokens,
    sums[13] AS unpriced,
    sums[14] AS answer_parts,
    sums[15] AS flood_waits,
    sums[16] AS flood_wait_ms,
    sums[17] AS served_turns,
    sums[18] AS priced,
    sums[19] AS pacing_wait_ms,
    cost_usd,
    latency,
    ttft,
    reached_users,
    served_users,
    bitmapCardinality(active) AS active_users,
    bitmapAndCardinality(new, active) AS new_users
FROM (
    SELECT
        roundDown(moment, {spans:Array(UInt32)}) AS span,
        -- Of another type: with equal lists both would be one key, and no row the whole span's.
        toUInt64(roundDown(moment, {edges:Array(UInt32)})) AS start,
        sumForEach(sums) AS sums,
        sum(cost_usd) AS cost_usd,
        quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
        quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(ttft) AS ttft,
        groupBitmapMerge(reached) AS reached_users,
        groupBitmapMerge(served) AS served_users,
        groupBitmapMergeState(active) AS active,
        groupBitmapMergeState(new) AS new
    FROM (
        SELECT
            transform(
                day, {whole_days:Array(Date)}, {midnights:Array(UInt32)}, toUInt32(0)
            ) AS moment,
            bot_id, sums, cost_usd, latency, ttft, reached, served, active, new
        FROM day_users
        PREWHERE (day, version) IN {days:Array(Tuple(Date, UInt64))}
        UNION ALL
        SELECT
            toUnixTimestamp(bucket) AS moment,
            bot_id, sums, cost_usd, latency, ttft, reached, served, active, new
        FROM quarter_users
        PREWHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
          AND (day, version) IN {quarters:Array(Tuple(Date, UInt64))}
    )
    WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
    GROUP BY GROUPING SETS ((span), (span, start))
)
