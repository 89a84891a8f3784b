-- A row: a person who came to or left one of the rebuilt days; the first day they have now. In an
-- incremental build only people with new turns can.
INSERT INTO first_days
WITH changed AS (
    SELECT DISTINCT user_key
    FROM (
        SELECT day, user_key, groupBitOr(side) AS sides
        FROM (
            SELECT day, user_key, 1 AS side FROM user_days
            WHERE version = {version:UInt64} AND day IN {days:Array(Date)} AND is_person
                -- incremental
                AND user_key IN (
                    SELECT user_key FROM turns
                    WHERE epoch = {epoch:UInt32} AND version >= {changed_since:UInt64}
                        AND toDate(received_at) IN {utc_days:Array(Date)}
                )
                -- ends
            UNION ALL
            SELECT day, user_key, 2 AS side FROM user_days
            WHERE (day, version) IN (SELECT day, version FROM builds_at(snapshot = {base:UInt64}))
                AND day IN {days:Array(Date)} AND is_person
                -- incremental
                AND user_key IN (
                    SELECT user_key FROM turns
                    WHERE epoch = {epoch:UInt32} AND version >= {changed_since:UInt64}
                        AND toDate(received_at) IN {utc_days:Array(Date)}
                )
                -- ends
        )
        GROUP BY day, user_key
        HAVING sides != 3
    )
)
SELECT {version:UInt64} AS version, c.user_key AS user_key, d.day AS day
FROM changed AS c
LEFT JOIN (
    SELECT user_key, min(day) AS day
    FROM (
        SELECT day, user_key FROM user_days
        WHERE version = {version:UInt64} AND day IN {days:Array(Date)} AND is_person
        UNION ALL
        SELECT day, user_key FROM user_days
        WHERE (day, version) IN (SELECT day, version FROM builds_at(snapshot = {base:UInt64}))
            AND day NOT IN {days:Array(Date)} AND is_person
            AND user_key IN (SELECT user_key FROM changed)
    )
    GROUP BY user_key
) AS d ON d.user_key = c.user_key
