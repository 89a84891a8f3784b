-- A row: one person, all that the builds count of them, and what the replica knows of them.
SELECT
    d.first_at AS first_at,
    d.last_at AS last_at,
    d.active_days AS active_days,
    d.turns AS turns,
    d.user_messages AS user_messages,
    d.answers AS answers,
    d.failed AS failed,
    d.rejected AS rejected,
    d.tokens AS tokens,
    d.cost_usd AS cost_usd,
    d.unpriced AS unpriced,
    d.priced AS priced,
    ifNull(p.language, '') AS tongue,
    ifNull(p.source, '') AS origin,
    p.blocked_at AS blocked_at
FROM (
    SELECT
        user_key,
        min(first_at) AS first_at,
        max(last_at) AS last_at,
        uniqExact(day) AS active_days,
        sum(turns) AS turns,
        sum(user_messages) AS user_messages,
        sum(answers) AS answers,
        sum(failed) AS failed,
        sum(rejected) AS rejected,
        sum(prompt_tokens + completion_tokens) AS tokens,
        sum(cost_usd) AS cost_usd,
        sum(unpriced) AS unpriced,
        sum(priced) AS priced
    FROM user_days
    PREWHERE user_key = {person:UInt32}
      AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
    GROUP BY user_key
) AS d
LEFT JOIN (
    SELECT user_key, language, source, blocked_at
    FROM people FINAL
    WHERE epoch = {epoch:UInt32} AND user_key = {person:UInt32}
) AS p ON p.user_key = d.user_key
