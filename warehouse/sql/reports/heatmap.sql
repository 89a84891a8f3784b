-- A row: one weekday (1 Monday) and hour of the zone, from quarters of an hour.
-- `changes` and `offsets` are the zone's clock, see common/zones.py. 1970 began on a Thursday.
WITH
    toUnixTimestamp(bucket) + transform(
        roundDown(toUnixTimestamp(bucket), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ) AS wall
SELECT
    toUInt8((intDiv(wall, 86400) + 3) % 7 + 1) AS weekday,
    toUInt8(intDiv(wall, 3600) % 24) AS hour,
    sum(turns) AS turns,
    sum(user_messages) AS user_messages,
    groupBitmapMerge(active) AS active_users
FROM quarter_users
WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
GROUP BY weekday, hour
ORDER BY weekday, hour
