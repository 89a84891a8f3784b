-- A row: the build that serves one day of the report zone in one publication.
SELECT day, version, withheld, data_through, watermark
FROM builds_at(snapshot = {publication:UInt64})
ORDER BY day
