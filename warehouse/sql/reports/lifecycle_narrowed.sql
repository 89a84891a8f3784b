-- A row: one bucket of days and its people against those of the bucket before, under filters.
-- `edges` are the buckets' first days as runs (start, step, count) in days since 1970; the first
-- one only serves as the bucket before.
WITH
    arrayFlatten(arrayMap(
        run -> range(run.1, run.1 + run.2 * run.3, run.2),
        {edges:Array(Tuple(UInt32, UInt32, UInt32))}
    )) AS edges,
    days AS (
        SELECT day, groupBitmapMergeState(active) AS active
        FROM daily
        WHERE day BETWEEN {history_first:Date} AND {last_day:Date}
          AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
          AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
          AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
          AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
          AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
        GROUP BY day
    ),
    buckets AS (
        SELECT roundDown(toUInt32(day), edges) AS start, groupBitmapMergeState(active) AS people
        FROM days
        WHERE toUInt32(day) >= edges[1]
        GROUP BY start
    ),
    newcomers AS (
        SELECT roundDown(toUInt32(day), edges) AS start, groupBitmapMergeState(new) AS people
        FROM day_users
        WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
          AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
          AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
          AND bot_id IN {bot_is:Array(Int64)} -- for bot_is
          AND bot_id NOT IN {bot_is_not:Array(Int64)} -- for bot_is_not
        GROUP BY start
    ),
    churned AS (
        SELECT
            roundDown(toUInt32(target), edges) AS start,
            groupBitmapMerge(bitmapAndnot(last_seen, seen_since)) AS people
        FROM (
            SELECT
                day + offset AS target,
                groupBitmapMergeStateIf(active, offset = 28) AS last_seen,
                groupBitmapMergeStateIf(active, offset < 28) AS seen_since
            FROM days
            ARRAY JOIN range(29) AS offset
            WHERE target BETWEEN {first_day:Date} AND {last_day:Date}
            GROUP BY target
        )
        GROUP BY start
    )
SELECT
    spine.start AS start,
    bitmapCardinality(now.people) AS active,
    bitmapAndCardinality(newcomers.people, now.people) AS new,
    bitmapAndCardinality(now.people, before.people) AS returning,
    bitmapCardinality(before.people) AS active_before,
    churned.people AS churned
FROM (
    SELECT toUInt64(edges[place]) AS start, toUInt64(edges[place - 1]) AS start_before
    FROM (SELECT arrayJoin(range(2, length(edges) + 1)) AS place)
) AS spine
LEFT JOIN buckets AS now ON now.start = spine.start
LEFT JOIN buckets AS before ON before.start = spine.start_before
LEFT JOIN newcomers ON newcomers.start = spine.start
LEFT JOIN churned ON churned.start = spine.start
ORDER BY start
