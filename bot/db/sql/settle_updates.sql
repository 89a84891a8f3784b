-- One row per update that was settled now; its payload is deleted. A command becomes an event.
WITH settled AS (
    UPDATE updates
    SET outcome = CAST(:outcome AS text), error = CAST(:error AS text), payload = NULL,
        settled_at = now()
    WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[])) AND outcome IS NULL
    RETURNING bot_id, update_id, user_key, received_at
), used AS (
    {command_event}
    FROM settled JOIN users AS person ON person.key = settled.user_key
    WHERE CAST(:command AS text) IS NOT NULL
    ON CONFLICT (id) DO NOTHING
)
SELECT update_id FROM settled
