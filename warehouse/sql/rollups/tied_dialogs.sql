-- A row: a day with a dialog whose newest turns, of a build and since, are of one moment. Which of
-- them is the newest only their ids can tell, and a build has none.
SELECT DISTINCT built.day AS day
FROM dialog_days AS built
INNER JOIN (
    SELECT DISTINCT bot_id, dialog_id, received_at
    FROM turns
    WHERE epoch = {epoch:UInt32}
        AND version >= {changed_since:UInt64}
        AND toDate(received_at) IN {utc_days:Array(Date)}
) AS written
    ON written.bot_id = built.bot_id
    AND written.dialog_id = built.dialog_id
    AND written.received_at = built.last_at
WHERE built.day IN {days:Array(Date)}
    AND (built.day, built.version) IN (
        SELECT day, version FROM builds_at(snapshot = {base:UInt64})
    )
    AND built.dialog_id IN (
        SELECT dialog_id FROM turns
        WHERE epoch = {epoch:UInt32} AND version >= {changed_since:UInt64}
            AND toDate(received_at) IN {utc_days:Array(Date)}
    )
