-- A row: quarters of an hour without a turn since the build that this one follows, copied from it.
INSERT INTO activity
SELECT built.* REPLACE ({version:UInt64} AS version)
FROM activity AS built
WHERE built.day IN {days:Array(Date)}
    AND NOT has({quarters:Array(UInt32)}, toUnixTimestamp(built.bucket))
    AND (built.day, built.version) IN (
        SELECT day, version FROM builds_at(snapshot = {base:UInt64})
    )
