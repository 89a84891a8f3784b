-- A row: a minute of [since, until) in seconds of UTC, its turns and people; 0: the whole range.
SELECT
    toUInt32(toUnixTimestamp(toStartOfMinute(received_at, 'UTC'))) AS minute,
    count() AS turns,
    uniqExactIf(user_key, is_person) AS active_users
FROM turns FINAL
-- Filtered before FINAL chooses the newest state of a turn: all states have the same time.
PREWHERE received_at >= toDateTime64({since:DateTime('UTC')}, 6, 'UTC')
  AND received_at < toDateTime64({until:DateTime('UTC')}, 6, 'UTC')
WHERE epoch = {epoch:UInt32} AND version < {watermark:UInt64}
  AND NOT arrayExists(
      held -> toUnixTimestamp(received_at) >= held.1
          AND toUnixTimestamp(received_at) < held.2 AND version >= held.3,
      {rows_excluded:Array(Tuple(Int64, Int64, UInt64))}
  )
GROUP BY GROUPING SETS ((minute), ())
