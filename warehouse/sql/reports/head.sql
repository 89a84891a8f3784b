-- One row at most: the newest publication, the ledger state it rests on and how far it reaches.
-- The view `snapshots` joins publications with what was said of them since; here it is one.
WITH (
    SELECT argMax(
        tuple(epoch, watermark, publication, zone, data_through, published_at),
        tuple(epoch, watermark, publication)
    )
    FROM published
    PREWHERE day = toDate(0)
) AS newest
SELECT
    newest.3 AS publication,
    newest.1 AS epoch,
    newest.2 AS watermark,
    newest.4 AS zone,
    greatest(newest.5, max(told.data_through)) AS data_through,
    newest.6 AS published_at
FROM freshness AS told
WHERE told.publication = newest.3
HAVING zone != ''
