-- One row: a user's usage in the last minute, this day and this month, including the reserve of
-- open turns and usage before an erasure; with a chat_hmac that of all members of a group, today
-- alone. A turn is the sum of its attempts. An attempt without a stated cost counts with a high
-- estimate if the provider had begun to answer or the user stopped it: stopping an answer near its
-- end is not free.
WITH price AS (
    SELECT * FROM unnest(
        CAST(:models AS text[]), CAST(:prompt_prices AS numeric[]),
        CAST(:completion_prices AS numeric[])
    ) AS given(model, prompt, completion)
), turn AS (
    SELECT * FROM turns
    WHERE user_key = :user_key AND CAST(:chat_hmac AS bytea) IS NULL
      AND received_at >= least(CAST(:month_start AS timestamptz), now() - interval '1 minute')
    UNION ALL
    SELECT turns.* FROM turns
    JOIN dialogs AS dialog ON dialog.id = turns.dialog_id
    WHERE dialog.chat_hmac = CAST(:chat_hmac AS bytea) AND CAST(:chat_hmac AS bytea) IS NOT NULL
      AND turns.received_at >= CAST(:day_start AS timestamptz)
), used AS (
    SELECT turn.id = CAST(:turn_id AS uuid) AS is_asked, turn.received_at, turn.user_messages,
           coalesce(calls.cost_usd, turn.cost_usd) AS cost_usd,
           coalesce(calls.is_unpriced, false) AS is_unpriced
    FROM turn
    LEFT JOIN LATERAL (
        SELECT sum(CASE
                   WHEN call.cost_usd IS NOT NULL THEN call.cost_usd
                   WHEN call.outcome IS NULL THEN CAST(:reserve_usd AS numeric)
                   WHEN NOT call.is_unpriced THEN 0
                   WHEN call.purpose <> 'answer' THEN call.reserve_usd
                   WHEN call.prompt_tokens + call.completion_tokens IS NOT NULL
                       AND price.model IS NOT NULL
                   THEN (call.prompt_tokens * price.prompt
                         + call.completion_tokens * price.completion) / 1000000
                   WHEN call.outcome IN ('answered', 'incomplete', 'refused', 'cancelled')
                       OR call.http_status BETWEEN 200 AND 299
                   THEN coalesce(
                       ((:typical_prompt_tokens
                         + turn.user_chars / CAST(:characters_per_token AS numeric)) * price.prompt
                        + CASE WHEN call.first_token_at IS NULL THEN 0 ELSE turn.answer_chars END
                          / CAST(:characters_per_token AS numeric) * price.completion) / 1000000,
                       CAST(:reserve_usd AS numeric))
               END) AS cost_usd,
               -- A complete answer without a stated cost; one that was cut off had no time to state it.
               bool_or(call.is_unpriced AND call.purpose = 'answer'
                   AND (call.finish_reason IS NOT NULL
                        OR call.outcome IN ('answered', 'refused', 'empty'))
                   AND (price.model IS NULL OR call.prompt_tokens IS NULL)) AS is_unpriced
        FROM llm_calls AS call
        LEFT JOIN LATERAL (
            SELECT * FROM price WHERE price.model IN (call.model_used, call.model)
            ORDER BY price.model = call.model_used DESC NULLS LAST LIMIT 1
        ) AS price ON true
        WHERE call.turn_id = turn.id AND (turn.status = 'pending' OR turn.unpriced_calls > 0)
    ) AS calls ON true
    WHERE turn.status <> 'rejected'
), before AS (
    SELECT coalesce(sum(spent.messages) FILTER (WHERE spent.period = 'day'), 0) AS day_messages,
           coalesce(sum(spent.cost_usd) FILTER (WHERE spent.period = 'day'), 0) AS day_usd,
           coalesce(sum(spent.messages) FILTER (WHERE spent.period = 'month'), 0) AS month_messages,
           coalesce(sum(spent.cost_usd) FILTER (WHERE spent.period = 'month'), 0) AS month_usd
    FROM users AS person
    JOIN spent_budgets AS spent ON spent.telegram_hmac = person.telegram_hmac
    WHERE person.key = :user_key AND CAST(:chat_hmac AS bytea) IS NULL
      AND ((spent.period = 'day' AND spent.period_start = CAST(:day AS date))
           OR (spent.period = 'month' AND spent.period_start = CAST(:month AS date)))
)
SELECT coalesce(sum(used.user_messages) FILTER (
           WHERE used.received_at > now() - interval '1 minute'
       ), 0) AS minute_messages,
       extract(epoch FROM min(used.received_at) FILTER (
           WHERE used.received_at > now() - interval '1 minute' AND used.user_messages > 0
       ) + interval '1 minute' - now()) AS minute_ends_in,
       before.day_messages + coalesce(sum(used.user_messages)
           FILTER (WHERE used.received_at >= CAST(:day_start AS timestamptz)), 0) AS day_messages,
       before.month_messages + coalesce(sum(used.user_messages)
           FILTER (WHERE used.received_at >= CAST(:month_start AS timestamptz)), 0)
           AS month_messages,
       before.day_usd + coalesce(sum(used.cost_usd)
           FILTER (WHERE used.received_at >= CAST(:day_start AS timestamptz)), 0) AS day_usd,
       before.month_usd + coalesce(sum(used.cost_usd)
           FILTER (WHERE used.received_at >= CAST(:month_start AS timestamptz)), 0) AS month_usd,
       count(*) FILTER (WHERE used.is_unpriced
           AND used.received_at >= CAST(:month_start AS timestamptz)) AS unpriced_turns,
       coalesce(sum(used.user_messages) FILTER (WHERE used.is_asked
           AND used.received_at >= CAST(:day_start AS timestamptz)), 0) AS turn_day_messages,
       coalesce(sum(used.cost_usd) FILTER (WHERE used.is_asked
           AND used.received_at >= CAST(:day_start AS timestamptz)), 0) AS turn_day_usd,
       coalesce(sum(used.user_messages) FILTER (WHERE used.is_asked
           AND used.received_at >= CAST(:month_start AS timestamptz)), 0) AS turn_month_messages,
       coalesce(sum(used.cost_usd) FILTER (WHERE used.is_asked
           AND used.received_at >= CAST(:month_start AS timestamptz)), 0) AS turn_month_usd
FROM before LEFT JOIN used ON true
GROUP BY before.day_messages, before.month_messages, before.day_usd, before.month_usd
