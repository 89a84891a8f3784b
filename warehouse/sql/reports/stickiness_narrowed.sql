-- A row: one day with its distinct people, and those of the 7 and 30 days that end with it, under filters.
WITH
    days AS (
        SELECT day, groupBitmapMergeState(active) AS active
        FROM daily
        WHERE day BETWEEN {first_day:Date} - 29 AND {last_day:Date}
          AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
          AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
          AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
          AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
          AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
        GROUP BY day
    )
SELECT
    day + offset AS target,
    groupBitmapMergeIf(active, offset = 0) AS dau,
    groupBitmapMergeIf(active, offset < 7) AS wau,
    groupBitmapMerge(active) AS mau
FROM days
ARRAY JOIN range(30) AS offset
WHERE target BETWEEN {first_day:Date} AND {last_day:Date}
GROUP BY target
ORDER BY target
