-- A row: one event of a differing day: its id, version and a checksum of all its columns.
WITH
    toDate(intDiv(toUnixTimestamp(u.occurred_at) + transform(
        roundDown(toUnixTimestamp(u.occurred_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day
SELECT
    toString(u.id) AS id,
    u.version AS version,
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
    )), 1, 4))) AS checksum
FROM (
    SELECT * FROM user_events FINAL
    WHERE epoch = {epoch:UInt32}
    ORDER BY version DESC
    LIMIT 1 BY id
) AS u
WHERE u.is_deleted = 0
    AND toDate(u.occurred_at) IN {utc_days:Array(Date)}
    AND day IN {days:Array(Date)}
    AND u.id NOT IN (SELECT toUUID(arrayJoin({excluded:Array(String)})))
