-- A row: the build that serves one day of the report zone in one publication.
-- The same as the view `builds_at`, for a known epoch and zone, in less than half the time: the
-- engine plans no subquery.
SELECT
    day,
    argMax(
        tuple(version, withheld, data_through, watermark, turns), tuple(watermark, publication)
    ) AS build
FROM published
PREWHERE publication <= {publication:UInt64} AND day > toDate(0)
  AND epoch = {epoch:UInt32} AND zone = {zone:String}
GROUP BY day
ORDER BY day
