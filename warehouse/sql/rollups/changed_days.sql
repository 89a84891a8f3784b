-- A row: a day of the report zone that has turns written or deleted in [since, until), and the
-- quarters of an hour of these turns, in seconds of UTC.
SELECT
    toDate(intDiv(toUnixTimestamp(received_at) + transform(
        roundDown(toUnixTimestamp(received_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day,
    groupUniqArray(toUInt32(intDiv(toUnixTimestamp(received_at), 900) * 900)) AS quarters
FROM turns
WHERE epoch = {epoch:UInt32} AND version >= {since:UInt64} AND version < {until:UInt64}
GROUP BY day
ORDER BY day
