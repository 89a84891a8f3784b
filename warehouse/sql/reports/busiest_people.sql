-- A row: (messages, person) of those who wrote most to a bot on a whole day of the report zone.
SELECT busiest
FROM day_users
WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
