-- A row: one person's sums over whole days of the report zone, most of the column `by` first.
-- The ranking reads one figure of all users; the other figures are read for the ranked ones only.
SELECT
    user_key,
    sum(turns) AS turns,
    sum(user_messages) AS user_messages,
    sum(answers) AS answers,
    sum(prompt_tokens + completion_tokens) AS tokens,
    sum(cost_usd) AS cost_usd,
    sum(unpriced) AS unpriced,
    sum(priced) AS priced,
    max(last_at) AS last_at
FROM user_days
WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
  AND is_person
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
  AND user_key IN (
      WITH ranked.prompt_tokens + ranked.completion_tokens AS tokens
      SELECT ranked.user_key
      FROM user_days AS ranked
      WHERE ranked.day BETWEEN {first_day:Date} AND {last_day:Date}
        AND (ranked.day, ranked.version) IN {builds:Array(Tuple(Date, UInt64))}
        AND ranked.is_person
        AND ({bot_id:Nullable(Int64)} IS NULL OR ranked.bot_id = {bot_id:Nullable(Int64)})
      GROUP BY ranked.user_key
      ORDER BY sum({by:Identifier}) DESC, ranked.user_key
      LIMIT {limit:UInt16}
  )
GROUP BY user_key
ORDER BY {by:Identifier} DESC, user_key
