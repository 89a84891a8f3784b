-- A row: one of the named dialogs and its figures in [since, until), newest turn first.
-- The newest state of a turn is chosen here, as FINAL would read every turn of the span. The table
-- is sorted by day and dialog, so only a granule is read for each day of a dialog.
-- PREWHERE is written out: otherwise the engine moves every condition there, step by step, and
-- decompresses 9,500 blocks instead of 6,800 for ten dialogs of a month in five parts.
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
    argMax(coalesce(model_used, model_asked, ''), tuple(received_at, id)) AS latest_model
FROM (
    SELECT
        id, is_deleted, dialog_id, bot_id, user_key, chat_type, language, user_messages,
        received_at, status, model_asked, model_used, prompt_tokens, completion_tokens, cost_usd,
        unpriced_calls, is_person
    FROM turns
    PREWHERE dialog_id IN {dialogs:Array(UUID)}
    WHERE epoch = {epoch:UInt32} AND version < {watermark:UInt64}
      AND NOT arrayExists(
          held -> toUnixTimestamp(received_at) >= held.1
              AND toUnixTimestamp(received_at) < held.2 AND version >= held.3,
          {rows_excluded:Array(Tuple(Int64, Int64, UInt64))}
      )
      -- Compared with seconds, a part whose rows are all in the last second would be skipped.
      AND received_at >= toDateTime64({since:DateTime('UTC')}, 6, 'UTC')
      AND received_at < toDateTime64({until:DateTime('UTC')}, 6, 'UTC')
    -- Deleted and written again by one transaction, both states have its version: the row is there.
    ORDER BY version DESC, is_deleted
    LIMIT 1 BY id
)
WHERE is_deleted = 0
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
  AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
  AND ({language:Nullable(String)} IS NULL
       OR ifNull(language, '') = {language:Nullable(String)})
  AND ({model:Nullable(String)} IS NULL
       OR coalesce(model_used, model_asked, '') = {model:Nullable(String)})
GROUP BY dialog_id
ORDER BY last_at DESC, dialog DESC
