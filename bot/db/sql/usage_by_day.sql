-- One row per day with turns of a user, oldest first. `changes` and `offsets` are the UTC offsets of
-- the reporting zone, see common/zones.py.
SELECT date '1970-01-01' + CAST(floor((
           extract(epoch FROM received_at) + (CAST(:offsets AS bigint[]))[
               width_bucket(extract(epoch FROM received_at), CAST(:changes AS numeric[]))
           ]
       ) / 86400) AS int) AS day,
       sum(user_messages) AS messages,
       count(*) FILTER (WHERE status = 'answered') AS answers,
       coalesce(sum(prompt_tokens), 0) + coalesce(sum(completion_tokens), 0) AS tokens,
       sum(cost_usd) AS cost_usd,
       count(*) FILTER (WHERE unpriced_calls > 0) AS unpriced
FROM turns
WHERE user_key = :user_key AND status <> 'pending'
GROUP BY day
ORDER BY day
