-- A row: one bucket of the series in any zone, from quarters of an hour, under filters.
-- `edges` are the buckets' starts as runs (start, step, count), in seconds of UTC.
WITH
    arrayFlatten(arrayMap(
        run -> range(run.1, run.1 + run.2 * run.3, run.2),
        {edges:Array(Tuple(UInt32, UInt32, UInt32))}
    )) AS edges
SELECT
    points.* EXCEPT (active),
    bitmapCardinality(points.active) AS active_users,
    bitmapAndCardinality(newcomers.new, points.active) AS new_users
FROM (
    SELECT
        roundDown(toUnixTimestamp(bucket), edges) AS start,
        sum(turns) AS turns,
        sum(user_messages) AS user_messages,
        sum(answers) AS answers,
        sum(failed) AS failed,
        sum(rejected) AS rejected,
        sum(prompt_tokens) AS prompt_tokens,
        sum(completion_tokens) AS completion_tokens,
        sum(cost_usd) AS cost_usd,
        sum(unpriced) AS unpriced,
        sum(served_turns) AS served_turns,
        sum(priced) AS priced,
        quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
        groupBitmapMergeState(active) AS active,
        groupBitmapMerge(served) AS served_users
    FROM activity
    WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
      AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
      AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
      AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
      AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
    GROUP BY start
) AS points
LEFT JOIN (
    SELECT roundDown(toUnixTimestamp(bucket), edges) AS start, groupBitmapMergeState(new) AS new
    FROM new_users
    WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
      AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
    GROUP BY start
) AS newcomers ON newcomers.start = points.start
ORDER BY start
