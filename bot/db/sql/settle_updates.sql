-- One row per update that was settled now; its payload is deleted. A command becomes an event.
WITH settled AS (
    UPDATE updates
    SET outcome = CAST(:outcome AS text), error = CAST(:error AS text), payload = NULL,
        settled_at = now()
    WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[])) AND outcome IS NULL
    RETURNING bot_id, update_id, user_key, received_at
), used AS (
    INSERT INTO user_events (
        id, bot_id, user_key, occurred_at, chat_type, language, kind, name, is_counted
    )
    SELECT CAST(md5(concat_ws('/', settled.bot_id, settled.update_id, 'command')) AS uuid),
           settled.bot_id, person.key, settled.received_at, CAST(:chat_type AS text),
           person.language, 'command', CAST(:command AS text),
           person.is_person
           AND is_counted(person.key, CAST(:counts_people AS boolean), CAST(:counts_earlier_people AS boolean))
    FROM settled JOIN users AS person ON person.key = settled.user_key
    WHERE CAST(:command AS text) IS NOT NULL
    FOR KEY SHARE OF person
    ON CONFLICT (id) DO NOTHING
)
SELECT update_id FROM settled
