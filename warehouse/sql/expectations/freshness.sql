-- A row: the state of replication and publication now (one row).
SELECT
    toFloat64(dateDiff('millisecond', s.data_through, now64(3))) / 1000 AS lag_seconds,
    (SELECT countIf(withheld) FROM builds) AS withheld_days,
    (SELECT count() FROM builds) AS published_days,
    (SELECT count() FROM turns WHERE epoch = {epoch:UInt32}) AS stored_turns,
    w.watermark - s.watermark AS unpublished_versions
FROM (
    SELECT epoch, watermark, data_through FROM snapshots
    ORDER BY epoch DESC, watermark DESC, publication DESC LIMIT 1
) AS s
CROSS JOIN (
    SELECT watermark FROM watermarks ORDER BY epoch DESC, watermark DESC, sequence DESC LIMIT 1
) AS w
