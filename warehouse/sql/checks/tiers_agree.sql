-- A row: a day on which the tiers of one build give different totals.
SELECT day, toString(groupArray(tuple(tier, totals))) AS observed, 'one total' AS expected
FROM (
    SELECT
        'activity' AS tier, day,
        tuple(
            sum(turns), sum(answers), sum(cost_usd), sum(unpriced), sum(priced), groupBitmapMerge(active)
        ) AS totals
    FROM activity
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
    GROUP BY day
    UNION ALL
    SELECT
        'daily' AS tier, day,
        tuple(
            sum(turns), sum(answers), sum(cost_usd), sum(unpriced), sum(priced), groupBitmapMerge(active)
        ) AS totals
    FROM daily
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
    GROUP BY day
    UNION ALL
    SELECT
        'user_days' AS tier, day,
        tuple(
            sum(turns), sum(answers), sum(cost_usd), sum(unpriced), sum(priced),
            uniqExactIf(user_key, is_person)
        ) AS totals
    FROM user_days
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
    GROUP BY day
    UNION ALL
    SELECT
        'dialog_days' AS tier, day,
        tuple(
            sum(turns), sum(answers), sum(cost_usd), sum(unpriced), sum(priced), uniqExactArray(people)
        ) AS totals
    FROM dialog_days
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
    GROUP BY day
)
GROUP BY day
HAVING uniqExact(totals) != 1 OR count() != 4
