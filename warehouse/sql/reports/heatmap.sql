-- A row: one weekday (1 Monday) and hour of the zone, from quarters of an hour.
SELECT
    toDayOfWeek(bucket, 0, {tz:String}) AS weekday,
    toHour(bucket, {tz:String}) AS hour,
    sum(turns) AS turns,
    sum(user_messages) AS user_messages,
    groupBitmapMerge(active) AS active_users
FROM quarter_users
WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
GROUP BY weekday, hour
ORDER BY weekday, hour
