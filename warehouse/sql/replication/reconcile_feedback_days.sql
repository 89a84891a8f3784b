-- A row: verdicts on the turns of one day, as the warehouse holds them, for comparison with PostgreSQL.
SELECT
    toDate(intDiv(toUnixTimestamp(f.received_at) + transform(
        roundDown(toUnixTimestamp(f.received_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day,
    count() AS turns,
    sum(toUInt64(
    reinterpretAsUInt32(reverse(substring(MD5(concatWithSeparator('|',
        toString(f.id),
        toString(f.version),
        toString(f.bot_id),
        toString(f.turn_id),
        toString(f.dialog_id),
        toString(toUnixTimestamp64Micro(f.received_at)),
        toString(f.user_key),
        toString(f.verdict),
        f.given_by,
        toString(toUnixTimestamp64Micro(f.given_at))
    )), 1, 4)))
    )) AS checksum
FROM (
    SELECT * FROM feedback FINAL
    WHERE epoch = {epoch:UInt32}
    ORDER BY version DESC
    LIMIT 1 BY id
) AS f
WHERE f.is_deleted = 0
    AND f.received_at >= {since:DateTime64(6, 'UTC')}
    AND f.received_at < {until:DateTime64(6, 'UTC')}
    AND f.id NOT IN (SELECT toUUID(arrayJoin({excluded:Array(String)})))
GROUP BY day
ORDER BY day
