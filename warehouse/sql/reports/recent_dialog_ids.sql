-- A row: a dialog and its newest turn in [not_before, until), newest first, after the cursor.
SELECT
    toString(dialog_id) AS dialog,
    toUnixTimestamp64Micro(max(received_at)) AS last_micros
FROM turns FINAL
-- Filtered before FINAL chooses the newest state of a turn: all states have the same time.
-- Compared with seconds, a part whose rows are all within the last second would be skipped.
PREWHERE received_at >= toDateTime64({not_before:DateTime('UTC')}, 6, 'UTC')
  AND received_at < toDateTime64({until:DateTime('UTC')}, 6, 'UTC')
WHERE epoch = {epoch:UInt32} AND version < {watermark:UInt64}
  AND NOT arrayExists(
      held -> toUnixTimestamp(received_at) >= held.1
          AND toUnixTimestamp(received_at) < held.2 AND version >= held.3,
      {rows_excluded:Array(Tuple(Int64, Int64, UInt64))}
  )
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
  AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
  AND ({language:Nullable(String)} IS NULL
       OR ifNull(language, '') = {language:Nullable(String)})
  AND ({model:Nullable(String)} IS NULL
       OR coalesce(model_used, model_asked, '') = {model:Nullable(String)})
GROUP BY dialog_id
HAVING tuple(last_micros, dialog) < tuple({before_micros:Int64}, {before_dialog:String})
ORDER BY last_micros DESC, dialog DESC
LIMIT {limit:UInt16}
