-- A row: a person whose deletion is stored while an older state still holds data.
SELECT
    p.user_key AS user_key,
    max(p.version) AS version,
    toDate(intDiv(toUnixTimestamp(max(p.created_at)) + transform(
        roundDown(toUnixTimestamp(max(p.created_at)), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day
FROM people AS p
WHERE p.epoch = {epoch:UInt32}
GROUP BY p.user_key
HAVING argMax(p.is_deleted, p.version) = 1 AND countIf(p.is_deleted = 0) > 0
ORDER BY p.user_key
