-- A row: a stored event that was deleted in PostgreSQL, as deleted by that transaction.
INSERT INTO user_events
SELECT
    e.* REPLACE (
        {versions:Array(UInt64)}[indexOf({keys:Array(String)}, toString(e.id))] AS version,
        1 AS is_deleted
    )
FROM user_events AS e FINAL
WHERE e.epoch = {epoch:UInt32}
    AND e.id IN (SELECT toUUID(arrayJoin({keys:Array(String)})))
ORDER BY e.version DESC
LIMIT 1 BY e.id
