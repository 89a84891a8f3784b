-- A row: one turn in [not_before, until), newest first, after the cursor.
SELECT
    toString(t.id) AS turn,
    toUnixTimestamp64Micro(t.received_at) AS micros,
    t.received_at AS moment,
    toString(t.dialog_id) AS dialog,
    t.bot_id AS bot,
    t.user_key AS person,
    t.chat_type AS chat,
    ifNull(t.language, '') AS tongue,
    ifNull(t.source, '') AS origin,
    t.status AS ending,
    ifNull(t.reason, '') AS why,
    ifNull(t.model_asked, '') AS asked,
    ifNull(t.model_used, '') AS answerer,
    ifNull(t.fallback_cause, '') AS handed_for,
    toUInt64(t.user_messages) AS messages,
    toUInt64(ifNull(t.prompt_tokens, 0)) AS prompted,
    toUInt64(ifNull(t.completion_tokens, 0)) AS completed,
    t.cost_usd AS known_cost,
    t.unpriced_calls > 0 AS is_unpriced,
    toUInt64(t.answer_parts) AS parts,
    -- `greatest` passes over what is null.
    if(
        t.status = 'answered' AND isNotNull(t.answered_at),
        greatest(toUnixTimestamp64Micro(t.answered_at) - micros, 0),
        NULL
    ) AS answer_microseconds,
    if(
        isNotNull(t.first_token_at),
        greatest(toUnixTimestamp64Micro(t.first_token_at) - micros, 0),
        NULL
    ) AS token_microseconds
FROM turns AS t FINAL
-- Filtered before FINAL chooses the newest state of a turn: all states have the same time.
-- Compared with seconds, a part whose rows are all within the last second would be skipped.
PREWHERE t.received_at >= toDateTime64({not_before:DateTime('UTC')}, 6, 'UTC')
  AND t.received_at < toDateTime64({until:DateTime('UTC')}, 6, 'UTC')
WHERE t.epoch = {epoch:UInt32} AND t.version < {watermark:UInt64}
  AND NOT arrayExists(
      held -> toUnixTimestamp(t.received_at) >= held.1
          AND toUnixTimestamp(t.received_at) < held.2 AND t.version >= held.3,
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
  AND tuple(micros, turn) < tuple({before_micros:Int64}, {before_turn:String})
ORDER BY micros DESC, turn DESC
LIMIT {limit:UInt16}
