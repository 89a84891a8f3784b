-- One row at most: the newest publication, the ledger state it rests on and how far it reaches.
-- The view `snapshots` joins publications with the looks at them since; here it is one.
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
    greatest(newest.5, max(checked.data_through)) AS data_through,
    newest.6 AS published_at
FROM freshness AS checked
WHERE checked.publication = newest.3
HAVING zone != ''
