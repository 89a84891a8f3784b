-- A row: one whole day of one bot and its busiest people, as (messages, person), most first.
-- The list of builds selects the days, see `figures`.
SELECT busiest
FROM day_users
PREWHERE (day, version) IN {builds:Array(Tuple(Date, UInt64))}
WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
