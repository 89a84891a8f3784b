-- A row: a day of the report zone that has turns written or deleted in [since, until).
SELECT DISTINCT toDate(received_at, {zone:String}) AS day
FROM turns
WHERE epoch = {epoch:UInt32} AND version >= {since:UInt64} AND version < {until:UInt64}
ORDER BY day
