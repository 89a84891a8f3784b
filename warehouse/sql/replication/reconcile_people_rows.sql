-- A row: one person of a differing day: the key, version and a checksum of all columns.
WITH
    toDate(intDiv(toUnixTimestamp(p.created_at) + transform(
        roundDown(toUnixTimestamp(p.created_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day
SELECT
    toString(p.user_key) AS id,
    p.version AS version,
    reinterpretAsUInt32(reverse(substring(MD5(concatWithSeparator('|',
        toString(p.user_key),
        toString(p.version),
        ifNull(toString(p.language), '~'),
        ifNull(toString(p.source), '~'),
        ifNull(toString(toUnixTimestamp64Micro(p.blocked_at)), '~'),
        toString(toUnixTimestamp64Micro(p.created_at)),
        toString(toUnixTimestamp64Micro(p.updated_at))
    )), 1, 4))) AS checksum
FROM people AS p FINAL
WHERE p.epoch = {epoch:UInt32}
    AND toDate(p.created_at) IN {utc_days:Array(Date)}
    AND day IN {days:Array(Date)}
    AND p.user_key NOT IN (SELECT toUInt32(arrayJoin({excluded:Array(String)})))
