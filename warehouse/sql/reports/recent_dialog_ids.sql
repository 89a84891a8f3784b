-- A row: a dialog and its newest turn in [not_before, until), newest first, after the cursor.
SELECT
    toString(dialog_id) AS dialog,
    toUnixTimestamp64Micro(max(received_at)) AS last_micros
FROM turns AS t FINAL
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
  -- metrics.toml: conditions on turns
  AND t.bot_id IN {bot_is:Array(Int64)} -- for bot_is
  AND t.bot_id NOT IN {bot_is_not:Array(Int64)} -- for bot_is_not
  AND t.chat_type IN {chat_type_is:Array(String)} -- for chat_type_is
  AND t.chat_type NOT IN {chat_type_is_not:Array(String)} -- for chat_type_is_not
  AND arrayExists(part -> position(t.chat_type, part) > 0, {chat_type_contains:Array(String)}) -- for chat_type_contains
  AND NOT arrayExists(part -> position(t.chat_type, part) > 0, {chat_type_contains_not:Array(String)}) -- for chat_type_contains_not
  AND ifNull(t.language, '') IN {language_is:Array(String)} -- for language_is
  AND ifNull(t.language, '') NOT IN {language_is_not:Array(String)} -- for language_is_not
  AND arrayExists(part -> position(ifNull(t.language, ''), part) > 0, {language_contains:Array(String)}) -- for language_contains
  AND NOT arrayExists(part -> position(ifNull(t.language, ''), part) > 0, {language_contains_not:Array(String)}) -- for language_contains_not
  AND coalesce(t.model_used, t.model_asked, '') IN {model_is:Array(String)} -- for model_is
  AND coalesce(t.model_used, t.model_asked, '') NOT IN {model_is_not:Array(String)} -- for model_is_not
  AND arrayExists(part -> position(coalesce(t.model_used, t.model_asked, ''), part) > 0, {model_contains:Array(String)}) -- for model_contains
  AND NOT arrayExists(part -> position(coalesce(t.model_used, t.model_asked, ''), part) > 0, {model_contains_not:Array(String)}) -- for model_contains_not
  AND ifNull(t.model_asked, '') IN {model_asked_is:Array(String)} -- for model_asked_is
  AND ifNull(t.model_asked, '') NOT IN {model_asked_is_not:Array(String)} -- for model_asked_is_not
  AND arrayExists(part -> position(ifNull(t.model_asked, ''), part) > 0, {model_asked_contains:Array(String)}) -- for model_asked_contains
  AND NOT arrayExists(part -> position(ifNull(t.model_asked, ''), part) > 0, {model_asked_contains_not:Array(String)}) -- for model_asked_contains_not
  AND ifNull(t.source, '') IN {source_is:Array(String)} -- for source_is
  AND ifNull(t.source, '') NOT IN {source_is_not:Array(String)} -- for source_is_not
  AND arrayExists(part -> position(ifNull(t.source, ''), part) > 0, {source_contains:Array(String)}) -- for source_contains
  AND NOT arrayExists(part -> position(ifNull(t.source, ''), part) > 0, {source_contains_not:Array(String)}) -- for source_contains_not
  AND t.user_key IN {person_is:Array(UInt32)} -- for person_is
  AND t.user_key NOT IN {person_is_not:Array(UInt32)} -- for person_is_not
  AND t.dialog_id IN {dialog_is:Array(UUID)} -- for dialog_is
  AND t.dialog_id NOT IN {dialog_is_not:Array(UUID)} -- for dialog_is_not
  AND t.status IN {status_is:Array(String)} -- for status_is
  AND t.status NOT IN {status_is_not:Array(String)} -- for status_is_not
  AND arrayExists(part -> position(t.status, part) > 0, {status_contains:Array(String)}) -- for status_contains
  AND NOT arrayExists(part -> position(t.status, part) > 0, {status_contains_not:Array(String)}) -- for status_contains_not
  AND ifNull(t.reason, '') IN {cause_is:Array(String)} -- for cause_is
  AND ifNull(t.reason, '') NOT IN {cause_is_not:Array(String)} -- for cause_is_not
  AND arrayExists(part -> position(ifNull(t.reason, ''), part) > 0, {cause_contains:Array(String)}) -- for cause_contains
  AND NOT arrayExists(part -> position(ifNull(t.reason, ''), part) > 0, {cause_contains_not:Array(String)}) -- for cause_contains_not
  AND ifNull(t.fallback_cause, '') IN {fallback_cause_is:Array(String)} -- for fallback_cause_is
  AND ifNull(t.fallback_cause, '') NOT IN {fallback_cause_is_not:Array(String)} -- for fallback_cause_is_not
  AND arrayExists(part -> position(ifNull(t.fallback_cause, ''), part) > 0, {fallback_cause_contains:Array(String)}) -- for fallback_cause_contains
  AND NOT arrayExists(part -> position(ifNull(t.fallback_cause, ''), part) > 0, {fallback_cause_contains_not:Array(String)}) -- for fallback_cause_contains_not
  -- metrics.toml ends
GROUP BY dialog_id
HAVING tuple(last_micros, dialog) < tuple({before_micros:Int64}, {before_dialog:String})
ORDER BY last_micros DESC, dialog DESC
LIMIT {limit:UInt16}
