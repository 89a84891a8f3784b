-- A row: a day with new people who were not active on it, or are counted as new in one tier only.
SELECT
    day,
    toString(tuple(bitmapCardinality(quarters), bitmapCardinality(days))) AS observed,
    'the same people, all of them active' AS expected
FROM (
    SELECT
        day,
        groupBitmapMergeState(active) AS actives,
        groupBitmapMergeState(days_new) AS days,
        groupBitmapMergeState(quarters_new) AS quarters
    FROM (
        SELECT
            day, active, new AS days_new,
            arrayReduce('groupBitmapState', emptyArrayUInt32()) AS quarters_new
        FROM day_users
        WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
        UNION ALL
        SELECT
            day,
            arrayReduce('groupBitmapState', emptyArrayUInt32()) AS active,
            arrayReduce('groupBitmapState', emptyArrayUInt32()) AS days_new,
            new AS quarters_new
        FROM new_users
        WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
    )
    GROUP BY day
)
WHERE bitmapXorCardinality(days, quarters) > 0 OR bitmapAndnotCardinality(days, actives) > 0
