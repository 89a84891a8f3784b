-- A row: how many states of one person still hold data, and how many turns the person has (one row).
SELECT
    (
        SELECT count() FROM people
        WHERE user_key = {person:UInt32}
            AND (
                is_deleted = 0 OR isNotNull(language) OR isNotNull(source)
                OR isNotNull(blocked_at) OR created_at > toDateTime(0) OR updated_at > toDateTime(0)
            )
    ) AS people,
    (
        SELECT count() FROM turns FINAL
        WHERE user_key = {person:UInt32} AND epoch = (SELECT max(epoch) FROM watermarks)
    ) AS turns
