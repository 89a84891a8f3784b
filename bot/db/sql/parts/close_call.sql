-- Closes an attempt with what is known of it.
UPDATE llm_calls
SET ended_at = now(), outcome = CAST(:outcome AS text), model_used = CAST(:model_used AS text),
    first_token_at = CAST(:first_token_at AS timestamptz),
    finish_reason = CAST(:finish_reason AS text),
    prompt_tokens = CAST(:prompt_tokens AS integer),
    completion_tokens = CAST(:completion_tokens AS integer),
    cached_tokens = CAST(:cached_tokens AS integer),
    reasoning_tokens = CAST(:reasoning_tokens AS integer),
    image_tokens = CAST(:image_tokens AS integer), audio_tokens = CAST(:audio_tokens AS integer),
    audio_seconds = coalesce(CAST(:audio_seconds AS numeric), audio_seconds),
    cost_usd = CAST(:cost_usd AS numeric), is_unpriced = CAST(:is_unpriced AS boolean),
    reserve_usd = coalesce(CAST(:estimated_usd AS numeric), reserve_usd),
    http_status = CAST(:http_status AS smallint), provider_code = CAST(:provider_code AS text),
    generation_id = CAST(:generation_id AS text),
    provider_message = CAST(:provider_message AS bytea)
WHERE id = CAST(:call_id AS uuid)
