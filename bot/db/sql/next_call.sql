-- One row: closes the ended attempt and opens the next one, before its request is sent. No row: the
-- turn was finished, and nothing is written. One row per limit of the bill that is used up or has no
-- total: then nothing is written either. Idempotent.
WITH bill AS (
    {locked_limits}
), ended AS (
    -- The difference that closing the ended attempt makes to the totals.
    SELECT billed_on,
           billed_usd(CAST(:cost_usd AS numeric), CAST(:outcome AS text),
                      CAST(:is_unpriced AS boolean), CAST(:http_status AS smallint),
                      coalesce(CAST(:estimated_usd AS numeric), reserve_usd))
           - billed_usd(cost_usd, outcome, is_unpriced, http_status, reserve_usd) AS usd
    FROM llm_calls WHERE id = CAST(:call_id AS uuid)
), refused AS (
    SELECT given.name AS limit_name, bill.name IS NULL AS is_missing
    FROM unnest(CAST(:limit_names AS text[])) AS given(name)
    LEFT JOIN bill USING (name)
    LEFT JOIN ended ON ended.billed_on >= bill.period_start
    WHERE (bill.usd + coalesce(ended.usd, 0) + CAST(:reserve_usd AS numeric) > bill.limit_usd)
          IS NOT FALSE
      AND NOT EXISTS (SELECT FROM llm_calls WHERE id = CAST(:next_call_id AS uuid))
), next_call AS (
    INSERT INTO llm_calls (
        id, turn_id, attempt, model, purpose, audio_seconds, bot_id, billed_on, reserve_usd
    )
    SELECT CAST(:next_call_id AS uuid), CAST(:turn_id AS uuid), CAST(:attempt AS smallint),
           CAST(:model AS text), CAST(:purpose AS text), CAST(:opened_seconds AS integer),
           CAST(:bot_id AS bigint), CAST(:billed_on AS date), CAST(:reserve_usd AS numeric)
    FROM turns
    WHERE turns.id = CAST(:turn_id AS uuid) AND turns.status = 'pending'
      AND NOT EXISTS (SELECT FROM refused)
    ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt
    RETURNING turn_id
), transcribed AS (
    -- The words of a recording become the question.
    UPDATE messages
    SET content = CAST(:content AS bytea), sealed_parts = CAST(:sealed_parts AS bytea),
        content_length = CAST(:content_length AS integer)
    WHERE id = CAST(:message_id AS uuid) AND EXISTS (SELECT FROM next_call)
    RETURNING turn_id
), counted AS (
    UPDATE turns SET user_chars = CAST(:content_length AS integer)
    WHERE id IN (SELECT turn_id FROM transcribed) AND status = 'pending'
), closed AS (
    {close_call} AND EXISTS (SELECT FROM next_call)
    RETURNING turn_id
)
SELECT turn_id, CAST(NULL AS text) AS limit_name, false AS is_missing FROM closed
UNION ALL
SELECT CAST(:turn_id AS uuid), limit_name, is_missing FROM refused
