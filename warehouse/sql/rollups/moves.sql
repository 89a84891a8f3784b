-- A row: people whose first day moves between these two days; 1970-01-01 means none.
SELECT published.day AS old_day, now.day AS new_day, count() AS people
FROM (
    SELECT user_key, day FROM first_days WHERE version = {version:UInt64}
) AS now
LEFT JOIN (
    SELECT day, arrayJoin(bitmapToArray(groupBitmapMergeState(new))) AS user_key
    FROM new_users
    WHERE (day, version) IN (SELECT day, version FROM builds_at(snapshot = {base:UInt64}))
    GROUP BY day
) AS published ON published.user_key = now.user_key
WHERE old_day != new_day
GROUP BY old_day, new_day
