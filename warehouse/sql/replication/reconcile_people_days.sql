-- A row: people who came on one day, as the warehouse holds them, for comparison with PostgreSQL.
SELECT
    toDate(intDiv(toUnixTimestamp(p.created_at) + transform(
        roundDown(toUnixTimestamp(p.created_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day,
    count() AS users,
    sum(toUInt64(
    reinterpretAsUInt32(reverse(substring(MD5(concatWithSeparator('|',
        toString(p.user_key),
        toString(p.version),
        ifNull(toString(p.language), '~'),
        ifNull(toString(p.source), '~'),
        ifNull(toString(toUnixTimestamp64Micro(p.blocked_at)), '~'),
        toString(toUnixTimestamp64Micro(p.created_at)),
        toString(toUnixTimestamp64Micro(p.updated_at))
    )), 1, 4)))
    )) AS checksum
FROM people AS p FINAL
WHERE p.epoch = {epoch:UInt32}
    AND p.created_at >= {since:DateTime64(6, 'UTC')}
    AND p.created_at < {until:DateTime64(6, 'UTC')}
    AND p.user_key NOT IN (SELECT toUInt32(arrayJoin({excluded:Array(String)})))
GROUP BY day
ORDER BY day
