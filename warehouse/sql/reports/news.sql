-- A row: what was published since a known publication: the build of a day, or, as day 1970-01-01,
-- a publication itself, the known one included, and the ledger state it rests on.
-- `last_checked` is the newest publication that was looked at again, and how far it was found to reach.
SELECT
    publication,
    day,
    version,
    withheld,
    data_through,
    watermark,
    turns,
    epoch,
    zone,
    published_at,
    (
        SELECT max(tuple(f.publication, f.data_through))
        FROM freshness AS f
        WHERE f.publication >= {known:UInt64}
    ) AS last_checked
FROM published
PREWHERE publication > {known:UInt64} OR (publication = {known:UInt64} AND day = toDate(0))
ORDER BY publication, day
