-- A row: a day of the report zone that has turns written or deleted in [since, until).
SELECT DISTINCT toDate(intDiv(toUnixTimestamp(received_at) + transform(
    roundDown(toUnixTimestamp(received_at), {changes:Array(UInt32)}),
    {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
), 86400)) AS day
FROM turns
WHERE epoch = {epoch:UInt32} AND version >= {since:UInt64} AND version < {until:UInt64}
ORDER BY day
