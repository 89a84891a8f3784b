-- A row: a stored turn that was deleted in PostgreSQL, as deleted by that transaction.
INSERT INTO turns
SELECT
    t.* REPLACE (
        {versions:Array(UInt64)}[indexOf({keys:Array(String)}, toString(t.id))] AS version,
        1 AS is_deleted
    )
FROM turns AS t FINAL
WHERE t.epoch = {epoch:UInt32}
    AND t.id IN (SELECT toUUID(arrayJoin({keys:Array(String)})))
