-- One row per update that was settled now; its payload is deleted.
UPDATE updates
SET outcome = CAST(:outcome AS text), error = CAST(:error AS text), payload = NULL,
    settled_at = now()
WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[])) AND outcome IS NULL
RETURNING update_id
