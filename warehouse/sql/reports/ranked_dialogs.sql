-- A row: a dialog with a turn in [since, until), its figures there and its place in an order: its
-- number, or its label for orders by a text; what is unknown comes last in both directions.
SELECT
    toString(dialog_id) AS dialog,
    argMax(bot_id, tuple(received_at, id)) AS bot,
    argMax(user_key, tuple(received_at, id)) AS latest_user,
    uniqExactIf(user_key, is_person) AS users,
    argMax(chat_type, tuple(received_at, id)) AS latest_chat_type,
    argMax(ifNull(language, ''), tuple(received_at, id)) AS latest_language,
    count() AS turns,
    sum(toUInt64(user_messages)) AS messages,
    countIf(status = 'answered') AS answers,
    sum(toUInt64(ifNull(prompt_tokens, 0)) + toUInt64(ifNull(completion_tokens, 0))) AS tokens,
    sum(ifNull(cost_usd, 0)) AS known_cost,
    countIf(unpriced_calls > 0) AS unpriced,
    countIf(cost_usd IS NOT NULL) AS priced,
    min(received_at) AS first_at,
    max(received_at) AS last_at,
    argMax(status, tuple(received_at, id)) AS latest_status,
    argMax(coalesce(model_used, model_asked, ''), tuple(received_at, id)) AS latest_model,
    multiIf(
        {by:String} = 'last_turn_at', toDecimal128(toUnixTimestamp64Micro(last_at), 10),
        {by:String} = 'first_turn_at', toDecimal128(toUnixTimestamp64Micro(first_at), 10),
        {by:String} = 'users', toDecimal128(users, 10),
        {by:String} = 'turns', toDecimal128(turns, 10),
        {by:String} = 'user_messages', toDecimal128(messages, 10),
        {by:String} = 'answers', toDecimal128(answers, 10),
        {by:String} = 'tokens', toDecimal128(tokens, 10),
        {by:String} = 'cost_usd', toDecimal128(known_cost, 10),
        toDecimal128(0, 10)
    ) AS number,
    lower(multiIf(
        {by:String} = 'chat_type', latest_chat_type,
        {by:String} = 'language', latest_language,
        {by:String} = 'last_status', latest_status,
        {by:String} = 'last_model', latest_model,
        ''
    )) AS label,
    -- Products: of a condition on constants the engine makes a constant that it then refuses.
    ({by:String} = 'cost_usd') * (unpriced > 0) * (priced = 0)
        + ({by:String} IN ('chat_type', 'language', 'last_status', 'last_model')) * (label = '')
        AS is_unknown
FROM turns AS t FINAL
-- Filtered before FINAL chooses the newest state of a turn: all states have the same time.
-- Compared with seconds, a part whose rows are all within the last second would be skipped.
PREWHERE received_at >= toDateTime64({since:DateTime('UTC')}, 6, 'UTC')
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
HAVING {after_dialog:String} = ''
    OR is_unknown > {after_unknown:UInt8}
    OR (is_unknown = {after_unknown:UInt8} AND (
        (is_unknown = 0 AND if(
            {is_descending:Bool},
            number < toDecimal128({after_number:String}, 10) OR label < {after_label:String},
            number > toDecimal128({after_number:String}, 10) OR label > {after_label:String}
        ))
        OR ((is_unknown = 1 OR (number = toDecimal128({after_number:String}, 10)
                            AND label = {after_label:String}))
            AND dialog > {after_dialog:String})
    ))
ORDER BY
    is_unknown,
    if({is_descending:Bool} AND is_unknown = 0, number, NULL) DESC,
    if({is_descending:Bool} AND is_unknown = 0, label, NULL) DESC,
    if({is_descending:Bool} OR is_unknown = 1, NULL, number),
    if({is_descending:Bool} OR is_unknown = 1, NULL, label),
    dialog
LIMIT {limit:UInt16}
