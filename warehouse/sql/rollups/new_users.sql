-- A row: people whose first turn fell into a quarter of an hour, by that turn's bot and source.
INSERT INTO new_users (day, version, bucket, bot_id, source, new)
SELECT
    day,
    {version:UInt64} AS version,
    toStartOfInterval(toDateTime(opening.1, 'UTC'), INTERVAL 15 MINUTE, 'UTC') AS bucket,
    opening.2 AS bot_id,
    opening.3 AS source,
    groupBitmapState(user_key) AS new
FROM (
    SELECT
        toDate(intDiv(toUnixTimestamp(t.received_at) + transform(
            roundDown(toUnixTimestamp(t.received_at), {changes:Array(UInt32)}),
            {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
        ), 86400)) AS day,
        t.user_key AS user_key,
        argMin(
            tuple(t.received_at, t.bot_id, ifNull(t.source, '')), tuple(t.received_at, t.id)
        ) AS opening
    FROM turns AS t FINAL
    WHERE t.epoch = {epoch:UInt32}
        AND toDate(t.received_at) IN {utc_days:Array(Date)}
        AND t.received_at >= {since:DateTime64(6, 'UTC')}
        AND t.received_at < {until:DateTime64(6, 'UTC')}
        AND day IN {days:Array(Date)}
        AND t.is_person
    GROUP BY day, user_key
)
WHERE (day, user_key) IN (
    -- People whose days changed, by their first day now; all others as published.
    SELECT f.day, f.user_key FROM first_days AS f WHERE f.version = {version:UInt64}
    UNION ALL
    SELECT p.day, p.user_key
    FROM (
        SELECT n.day AS day, arrayJoin(bitmapToArray(groupBitmapMergeState(n.new))) AS user_key
        FROM new_users AS n
        WHERE (n.day, n.version) IN (SELECT day, version FROM builds_at(snapshot = {base:UInt64}))
            AND n.day IN {days:Array(Date)}
        GROUP BY n.day
    ) AS p
    WHERE p.user_key NOT IN (
        SELECT f.user_key FROM first_days AS f WHERE f.version = {version:UInt64}
    )
)
GROUP BY day, bucket, bot_id, source
