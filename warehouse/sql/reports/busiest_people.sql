-- A row: (messages, person) of those who wrote most to a bot on a whole day of the report zone.
-- The builds name the days, see summary_days.
SELECT busiest
FROM day_users
PREWHERE (day, version) IN {builds:Array(Tuple(Date, UInt64))}
WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
