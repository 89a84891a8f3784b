-- A row: a person who was erased in PostgreSQL; nothing but the key is kept.
INSERT INTO people
SELECT
    {epoch:UInt32} AS epoch,
    toUInt32(key) AS user_key,
    version,
    1 AS is_deleted,
    NULL AS language,
    NULL AS source,
    NULL AS blocked_at,
    toDateTime64(0, 6, 'UTC') AS created_at,
    toDateTime64(0, 6, 'UTC') AS updated_at
FROM (
    SELECT
        arrayJoin(arrayZip({keys:Array(String)}, {versions:Array(UInt64)})) AS stone,
        stone.1 AS key,
        stone.2 AS version
)
