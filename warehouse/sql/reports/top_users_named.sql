-- A row: one of the named people and their sums over whole days of the report zone, most first.
-- The list of builds selects the days, see `figures`.
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
PREWHERE user_key IN {people:Array(UInt32)}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
WHERE is_person
  AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
GROUP BY user_key
ORDER BY user_messages DESC, user_key
LIMIT {limit:UInt16}
