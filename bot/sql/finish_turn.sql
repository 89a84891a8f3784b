-- The turn, finished: once, with the sums of its attempts. No row: it was finished before.
WITH last_call AS (
    UPDATE llm_calls SET ended_at = now(), outcome = CAST(:call_outcome AS text)
    WHERE turn_id = CAST(:turn_id AS uuid) AND outcome IS NULL
), settled AS (
    UPDATE updates
    SET outcome = 'turn', payload = NULL, settled_at = now(),
        -- Of a person who is gone nothing leads to the turn.
        user_key = (SELECT key FROM users WHERE users.key = updates.user_key),
        lane = CASE WHEN EXISTS (SELECT FROM users WHERE users.key = updates.user_key)
                    THEN lane ELSE '' END
    WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[]))
      AND outcome IS NULL
), spent AS (
    SELECT sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens,
           sum(cached_tokens) AS cached_tokens, sum(reasoning_tokens) AS reasoning_tokens,
           sum(cost_usd) AS cost_usd,
           (array_agg(model_used ORDER BY attempt DESC)
               FILTER (WHERE outcome IN ('answered', 'incomplete', 'cancelled')))[1] AS model_used
    FROM llm_calls WHERE turn_id = CAST(:turn_id AS uuid)
)
UPDATE turns
SET status = CAST(:status AS text), reason = CAST(:reason AS text),
    first_token_at = coalesce(CAST(:first_token_at AS timestamptz), first_token_at),
    answered_at = CAST(:answered_at AS timestamptz),
    model_used = spent.model_used, fallback_cause = CAST(:fallback_cause AS text),
    prompt_tokens = spent.prompt_tokens, completion_tokens = spent.completion_tokens,
    cached_tokens = spent.cached_tokens, reasoning_tokens = spent.reasoning_tokens,
    cost_usd = spent.cost_usd, finish_reason = CAST(:finish_reason AS text),
    answer_chars = CAST(:answer_chars AS integer), answer_parts = CAST(:answer_parts AS smallint),
    flood_wait_ms = CAST(:flood_wait_ms AS integer)
FROM spent
WHERE turns.id = CAST(:turn_id AS uuid) AND turns.status = 'pending'
RETURNING turns.id AS turn_id
