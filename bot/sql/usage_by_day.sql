-- One row per day with turns of a person, in the reporting zone, oldest first.
SELECT CAST(received_at AT TIME ZONE CAST(:zone AS text) AS date) AS day,
       sum(user_messages) AS messages,
       count(*) FILTER (WHERE status = 'answered') AS answers,
       coalesce(sum(prompt_tokens), 0) + coalesce(sum(completion_tokens), 0) AS tokens,
       sum(cost_usd) AS cost_usd,
       count(*) FILTER (WHERE unpriced_calls > 0) AS unpriced
FROM turns
WHERE user_key = :user_key AND status <> 'pending'
GROUP BY day
ORDER BY day
