-- A row: of one cohort's people, how many were active in exactly the n-th day or week after.
-- A cohort are the people whose first turn lies in one day or week of the report zone. The days
-- are read once, named by their builds, and compared with each other as a list.
WITH
    spans AS (
        SELECT groupArray(tuple(start, active, new)) AS list
        FROM (
            SELECT
                if({width:UInt8} = 7, toMonday(day), day) AS start,
                groupBitmapMergeState(active) AS active,
                groupBitmapMergeState(new) AS new
            FROM day_users
            PREWHERE (day, version) IN {builds:Array(Tuple(Date, UInt64))}
            WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
            GROUP BY start
        )
    )
SELECT
    cohort.1 AS start,
    intDiv(toUInt32(followed.1 - cohort.1), {width:UInt8}) AS step,
    bitmapAndCardinality(cohort.3, followed.2) AS people
FROM (SELECT arrayJoin(list) AS cohort, list FROM spans)
ARRAY JOIN list AS followed
WHERE cohort.1 <= {last_day:Date}
  AND followed.1 >= cohort.1
  AND toUInt32(followed.1 - cohort.1) <= {steps:UInt8} * {width:UInt8}
ORDER BY start, step
