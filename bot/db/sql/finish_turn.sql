-- One row: the finished turn, with the sums of its attempts. No row: it was finished before.
WITH last_call AS (
    {close_call} AND outcome IS NULL
    RETURNING *
), left_open AS (
    -- Without a call id nothing is known about it, not even whether its request was sent. With
    -- one, it was opened while the turn was being stopped, and nothing was sent.
    UPDATE llm_calls
    SET ended_at = now(), outcome = coalesce(CAST(:outcome AS text), 'interrupted'),
        is_unpriced = CAST(:call_id AS uuid) IS NULL
    WHERE turn_id = CAST(:turn_id AS uuid) AND outcome IS NULL
      AND id IS DISTINCT FROM CAST(:call_id AS uuid)
    RETURNING *
), settled AS (
    UPDATE updates
    SET outcome = 'turn', payload = NULL, settled_at = now(),
        -- If the user was erased, remove every link to the turn.
        user_key = (SELECT key FROM users WHERE users.key = updates.user_key),
        lane = CASE WHEN EXISTS (SELECT FROM users WHERE users.key = updates.user_key)
                    THEN lane ELSE '' END
    WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[]))
      AND outcome IS NULL
), sent AS (
    -- A reaction to one of these messages rates the answer; a notice is none.
    INSERT INTO sent_answers (message_hmac, answer_id)
    SELECT given.message_hmac, answer.id
    FROM (
        SELECT id FROM messages
        WHERE turn_id = CAST(:turn_id AS uuid) AND role = 'assistant' FOR KEY SHARE
    ) AS answer, unnest(CAST(:message_hmacs AS bytea[])) AS given(message_hmac)
    ON CONFLICT (message_hmac) DO NOTHING
), call AS (
    -- A statement does not see its own changes: changed rows are added from above.
    SELECT * FROM llm_calls WHERE turn_id = CAST(:turn_id AS uuid) AND outcome IS NOT NULL
    UNION ALL SELECT * FROM last_call
    UNION ALL SELECT * FROM left_open
), spent AS (
    SELECT sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens,
           sum(cached_tokens) AS cached_tokens, sum(reasoning_tokens) AS reasoning_tokens,
           sum(cost_usd) AS cost_usd, count(*) FILTER (WHERE is_unpriced) AS unpriced_calls,
           -- The model that answered, not one that only failed at a cost.
           (array_agg(model_used ORDER BY attempt DESC) FILTER (
               WHERE purpose = 'answer'
                 AND (outcome IN ('answered', 'incomplete', 'refused')
                      OR (outcome = 'cancelled' AND first_token_at IS NOT NULL))
           ))[1] AS model_used
    FROM call
), asked AS (
    SELECT started_at, cost_usd, attempt, completion_tokens - coalesce(reasoning_tokens, 0) AS tokens,
           first_value(attempt) OVER newest_first AS last_attempt,
           model <> first_value(model) OVER newest_first AS is_other
    FROM call WHERE purpose = 'answer'
    WINDOW newest_first AS (ORDER BY attempt DESC)
), asked_before AS (
    -- Whether another model was asked then or later: an attempt before the last model's turn.
    SELECT *, bool_or(is_other) OVER (ORDER BY attempt DESC) AS is_lost FROM asked
), pace AS (
    SELECT min(started_at) FILTER (WHERE NOT is_lost) - min(started_at) AS lost,
           sum(cost_usd) FILTER (WHERE is_lost) AS lost_usd,
           CASE WHEN CAST(:generation_ms AS integer) > 0
                THEN greatest(max(tokens) FILTER (WHERE attempt = last_attempt), 0)
                ELSE 0 END AS tokens
    FROM asked_before
)
UPDATE turns
SET status = CAST(:status AS text), reason = CAST(:reason AS text),
    first_token_at = coalesce(CAST(:turn_first_token_at AS timestamptz), first_token_at),
    answered_at = CAST(:answered_at AS timestamptz),
    model_used = spent.model_used, fallback_cause = CAST(:fallback_cause AS text),
    prompt_tokens = spent.prompt_tokens, completion_tokens = spent.completion_tokens,
    cached_tokens = spent.cached_tokens, reasoning_tokens = spent.reasoning_tokens,
    cost_usd = spent.cost_usd, unpriced_calls = spent.unpriced_calls,
    finish_reason = CAST(:turn_finish_reason AS text),
    answer_chars = CAST(:answer_chars AS integer), answer_parts = CAST(:answer_parts AS smallint),
    flood_wait_ms = CAST(:flood_wait_ms AS integer),
    pacing_wait_ms = CAST(:pacing_wait_ms AS integer),
    generation_ms = CASE WHEN pace.tokens > 0 THEN CAST(:generation_ms AS integer) ELSE 0 END,
    generated_tokens = coalesce(pace.tokens, 0),
    fallback_wait_ms = greatest(CAST(1000 * extract(epoch FROM pace.lost) AS integer), 0),
    fallback_cost_usd = pace.lost_usd
FROM spent, pace
WHERE turns.id = CAST(:turn_id AS uuid) AND turns.status = 'pending'
RETURNING turns.id AS turn_id
