-- A row: one person's sums in [since, until), most of `by` first.
-- Whole days come from the sums per person and day, the hours around them from the ledger.
SELECT
    user_key,
    sum(turns) AS turns,
    sum(user_messages) AS user_messages,
    sum(answers) AS answers,
    sum(tokens) AS tokens,
    sum(cost_usd) AS cost_usd,
    sum(unpriced) AS unpriced,
    sum(priced) AS priced,
    max(last_at) AS last_at
FROM (
    SELECT
        user_key, turns, user_messages, answers, prompt_tokens + completion_tokens AS tokens,
        cost_usd, unpriced, priced, last_at
    FROM user_days
    WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
      AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
      AND is_person
      AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
    UNION ALL
    -- Columns are named with their table: an alias takes the place of a column of its name.
    SELECT
        t.user_key AS user_key,
        toUInt64(1) AS turns,
        toUInt64(t.user_messages) AS user_messages,
        toUInt64(t.status = 'answered') AS answers,
        toUInt64(ifNull(t.prompt_tokens, 0)) + toUInt64(ifNull(t.completion_tokens, 0)) AS tokens,
        toDecimal128(ifNull(t.cost_usd, 0), 10) AS cost_usd,
        toUInt64(t.unpriced_calls > 0) AS unpriced,
        toUInt64(t.cost_usd IS NOT NULL) AS priced,
        t.received_at AS last_at
    FROM turns AS t FINAL
    WHERE t.epoch = {epoch:UInt32} AND t.version < {watermark:UInt64}
      AND NOT arrayExists(
          held -> toUnixTimestamp(t.received_at) >= held.1
              AND toUnixTimestamp(t.received_at) < held.2 AND t.version >= held.3,
          {rows_excluded:Array(Tuple(Int64, Int64, UInt64))}
      )
      -- Compared with seconds, a part whose rows are all in the last second would be skipped.
      AND t.received_at >= toDateTime64({since:DateTime('UTC')}, 6, 'UTC')
      AND t.received_at < toDateTime64({until:DateTime('UTC')}, 6, 'UTC')
      AND NOT (
          t.received_at >= toDateTime64({days_since:DateTime('UTC')}, 6, 'UTC')
          AND t.received_at < toDateTime64({days_until:DateTime('UTC')}, 6, 'UTC')
      )
      AND t.is_person
      AND ({bot_id:Nullable(Int64)} IS NULL OR t.bot_id = {bot_id:Nullable(Int64)})
      AND ({chat_type:Nullable(String)} IS NULL OR t.chat_type = {chat_type:Nullable(String)})
      AND ({language:Nullable(String)} IS NULL
           OR ifNull(t.language, '') = {language:Nullable(String)})
      AND ({model:Nullable(String)} IS NULL
           OR coalesce(t.model_used, t.model_asked, '') = {model:Nullable(String)})
)
GROUP BY user_key
ORDER BY
    multiIf(
        {by:String} = 'tokens', toDecimal128(tokens, 10),
        {by:String} = 'cost', toDecimal128(cost_usd, 10),
        toDecimal128(user_messages, 10)
    ) DESC,
    user_key
LIMIT {limit:UInt16}
