-- A row: one of a person or dialog without a turn since the build that this one follows, copied from it.
INSERT INTO {table:Identifier}
SELECT built.* REPLACE ({version:UInt64} AS version)
FROM {table:Identifier} AS built
WHERE built.day IN {days:Array(Date)}
    AND (built.day, built.version) IN (
        SELECT day, version FROM builds_at(snapshot = {base:UInt64})
    )
    AND built.{key:Identifier} NOT IN (
        SELECT {key:Identifier} FROM turns
        WHERE epoch = {epoch:UInt32} AND version >= {changed_since:UInt64}
            AND toDate(received_at) IN {utc_days:Array(Date)}
    )
