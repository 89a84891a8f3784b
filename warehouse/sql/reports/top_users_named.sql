-- A row: one of the named people and their sums over whole days of the report zone, most first.
SELECT
    user_key,
    sum(turns) AS turns,
    sum(user_messages) AS user_messages,
    sum(answers) AS answers,
    sum(prompt_tokens + completion_tokens) AS tokens,
    sum(cost_usd) AS cost_usd,
    sum(unpriced) AS unpriced,
    max(last_at) AS last_at
FROM user_days
WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
  AND user_key IN {people:Array(UInt32)}
GROUP BY user_key
ORDER BY user_messages DESC, user_key
LIMIT {limit:UInt16}
