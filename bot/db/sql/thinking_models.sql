-- One row per model that was seen thinking in the latest turns.
SELECT DISTINCT call.model
FROM (SELECT id FROM turns ORDER BY received_at DESC LIMIT 1000) AS latest
JOIN llm_calls AS call ON call.turn_id = latest.id
WHERE call.reasoning_tokens > 0
