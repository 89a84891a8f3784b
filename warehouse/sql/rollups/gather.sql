-- A row: one row of a published build, copied as it is under the version of this build.
INSERT INTO {table:Identifier}
SELECT built.* REPLACE ({version:UInt64} AS version)
FROM {table:Identifier} AS built
WHERE built.day IN {days:Array(Date)}
    AND (built.day, built.version) IN (
        SELECT day, version FROM builds_at(snapshot = {base:UInt64})
    )
