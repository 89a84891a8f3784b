-- A row: a dialog and its newest turn, newest first, among the newest that each whole day lists.
-- The list of builds selects the days, see `figures`.
SELECT
    toString(place.2) AS dialog,
    max(place.1) AS last_micros
FROM day_users
ARRAY JOIN arraySlice(newest, 1, {limit:UInt16}) AS place
PREWHERE (day, version) IN {builds:Array(Tuple(Date, UInt64))}
WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
GROUP BY dialog
ORDER BY last_micros DESC, dialog DESC
LIMIT {limit:UInt16}
