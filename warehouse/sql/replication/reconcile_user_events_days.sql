-- A row: events of one day, as the warehouse holds them, for comparison with PostgreSQL.
SELECT
    toDate(intDiv(toUnixTimestamp(u.occurred_at) + transform(
        roundDown(toUnixTimestamp(u.occurred_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day,
    count() AS turns,
    sum(toUInt64(
    reinterpretAsUInt32(reverse(substring(MD5(concatWithSeparator('|',
        toString(u.id),
        toString(u.version),
        toString(u.bot_id),
        toString(u.user_key),
        toString(toUnixTimestamp64Micro(u.occurred_at)),
        u.chat_type,
        ifNull(u.language, '~'),
        u.kind,
        ifNull(u.name, '~')
    )), 1, 4)))
    )) AS checksum
FROM (
    SELECT * FROM user_events FINAL
    WHERE epoch = {epoch:UInt32}
    ORDER BY version DESC
    LIMIT 1 BY id
) AS u
WHERE u.is_deleted = 0
    AND u.occurred_at >= {since:DateTime64(6, 'UTC')}
    AND u.occurred_at < {until:DateTime64(6, 'UTC')}
    AND u.id NOT IN (SELECT toUUID(arrayJoin({excluded:Array(String)})))
GROUP BY day
ORDER BY day
