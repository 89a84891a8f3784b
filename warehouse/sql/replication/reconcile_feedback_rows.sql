-- A row: one verdict on a turn of a differing day: its id, version and a checksum of all its columns.
WITH
    toDate(intDiv(toUnixTimestamp(f.received_at) + transform(
        roundDown(toUnixTimestamp(f.received_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day
SELECT
    toString(f.id) AS id,
    f.version AS version,
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
    )), 1, 4))) AS checksum
FROM (
    SELECT * FROM feedback FINAL
    WHERE epoch = {epoch:UInt32}
    ORDER BY version DESC
    LIMIT 1 BY id
) AS f
WHERE f.is_deleted = 0
    AND toDate(f.received_at) IN {utc_days:Array(Date)}
    AND day IN {days:Array(Date)}
    AND f.id NOT IN (SELECT toUUID(arrayJoin({excluded:Array(String)})))
