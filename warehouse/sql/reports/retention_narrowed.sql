-- A row: of one cohort's people, how many were active in exactly the n-th day or week after, under filters.
-- A cohort are the people whose first turn lies in one day or week of the report zone.
WITH
    days AS (
        SELECT day, groupBitmapMergeState(active) AS active
        FROM daily
        WHERE day BETWEEN {first_day:Date} AND {followed_last:Date}
          AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
          AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
          AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
          AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
          AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
        GROUP BY day
    ),
    spans AS (
        SELECT
            if({width:UInt8} = 7, toMonday(day), day) AS start,
            groupBitmapMergeState(active) AS active
        FROM days
        GROUP BY start
    ),
    newcomers AS (
        SELECT
            if({width:UInt8} = 7, toMonday(day), day) AS start,
            groupBitmapMergeState(new) AS new
        FROM day_users
        WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
          AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
          AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
          AND bot_id IN {bot_is:Array(Int64)} -- for bot_is
          AND bot_id NOT IN {bot_is_not:Array(Int64)} -- for bot_is_not
        GROUP BY start
    ),
    cohorts AS (
        SELECT newcomers.start AS start, bitmapAnd(newcomers.new, spans.active) AS people
        FROM newcomers
        INNER JOIN spans ON spans.start = newcomers.start
    )
SELECT
    cohorts.start AS start,
    intDiv(toUInt32(spans.start - cohorts.start), {width:UInt8}) AS step,
    bitmapAndCardinality(cohorts.people, spans.active) AS people
FROM cohorts
CROSS JOIN spans
WHERE spans.start >= cohorts.start
  AND toUInt32(spans.start - cohorts.start) <= {steps:UInt8} * {width:UInt8}
ORDER BY start, step
