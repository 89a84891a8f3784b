-- A row: a stored verdict that was deleted in PostgreSQL, as deleted by that transaction.
INSERT INTO feedback
SELECT
    f.* REPLACE (
        {versions:Array(UInt64)}[indexOf({keys:Array(String)}, toString(f.id))] AS version,
        1 AS is_deleted
    )
FROM feedback AS f FINAL
WHERE f.epoch = {epoch:UInt32}
    AND f.id IN (SELECT toUUID(arrayJoin({keys:Array(String)})))
ORDER BY f.version DESC
LIMIT 1 BY f.id
