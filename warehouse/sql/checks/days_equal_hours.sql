-- A row: a published day that is not the sum of its hours, as the report zone's clock cuts them.
SELECT
    greatest(whole.day, parts.local_day) AS day,
    toString(parts.totals) AS observed,
    toString(whole.totals) AS expected
FROM (
    SELECT
        toDate(intDiv(toUnixTimestamp(a.bucket) + transform(
            roundDown(toUnixTimestamp(a.bucket), {changes:Array(UInt32)}),
            {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
        ), 86400)) AS local_day,
        tuple(sum(a.turns), sum(a.cost_usd), groupBitmapMerge(a.active)) AS totals
    FROM activity AS a
    WHERE (a.day, a.version) IN (SELECT day, version FROM builds)
    GROUP BY local_day
) AS parts
FULL OUTER JOIN (
    SELECT
        d.day AS day,
        tuple(sum(d.turns), sum(d.cost_usd), groupBitmapMerge(d.active)) AS totals
    FROM daily AS d
    WHERE (d.day, d.version) IN (SELECT day, version FROM builds)
    GROUP BY d.day
) AS whole ON whole.day = parts.local_day
WHERE parts.totals != whole.totals
ORDER BY day
