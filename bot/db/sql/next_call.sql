-- One row: closes the ended attempt and opens the next one, before its request is sent. No row: the
-- turn was finished, and nothing is written. Idempotent.
WITH next_call AS (
    INSERT INTO llm_calls (id, turn_id, attempt, model)
    SELECT CAST(:next_call_id AS uuid), CAST(:turn_id AS uuid), CAST(:attempt AS smallint),
           CAST(:model AS text)
    FROM turns WHERE turns.id = CAST(:turn_id AS uuid) AND turns.status = 'pending'
    ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt
    RETURNING turn_id
)
UPDATE llm_calls
SET ended_at = now(), outcome = CAST(:outcome AS text), model_used = CAST(:model_used AS text),
    first_token_at = CAST(:first_token_at AS timestamptz),
    finish_reason = CAST(:finish_reason AS text),
    prompt_tokens = CAST(:prompt_tokens AS integer),
    completion_tokens = CAST(:completion_tokens AS integer),
    cached_tokens = CAST(:cached_tokens AS integer),
    reasoning_tokens = CAST(:reasoning_tokens AS integer),
    cost_usd = CAST(:cost_usd AS numeric), is_unpriced = CAST(:is_unpriced AS boolean),
    http_status = CAST(:http_status AS smallint), provider_code = CAST(:provider_code AS text),
    generation_id = CAST(:generation_id AS text),
    provider_message = CAST(:provider_message AS bytea)
WHERE id = CAST(:call_id AS uuid) AND EXISTS (SELECT FROM next_call)
RETURNING turn_id
