-- One row per update that was refused, recorded as a finished turn without a text or a call.
WITH new_dialog AS (
    INSERT INTO dialogs (id, bot_id, chat_hmac, thread_id, chat_type, user_key)
    SELECT CAST(:dialog_id AS uuid), :bot_id, :chat_hmac, :thread_id, :chat_type,
           CAST(:dialog_owner AS integer)
    WHERE CAST(:is_new_dialog AS boolean)
), new_turn AS (
    INSERT INTO turns (
        id, bot_id, user_key, dialog_id, chat_type, language, source, user_messages, is_person, is_counted,
        received_at, sent_at, status, reason, user_chars
    )
    SELECT CAST(:turn_id AS uuid), :bot_id, person.key, CAST(:dialog_id AS uuid), :chat_type,
           CAST(:language AS text),
           CASE WHEN person.source IS NOT NULL
                 AND NOT EXISTS (SELECT FROM turns WHERE turns.user_key = person.key)
                THEN person.source END,
           CAST(:user_messages AS smallint), person.is_person,
           is_counted(person.key, CAST(:counts_people AS boolean), CAST(:counts_earlier_people AS boolean)),
           :received_at, :sent_at,
           'rejected', CAST(:reason AS text), CAST(:user_chars AS integer)
    FROM users AS person
    WHERE person.key = :user_key
), settled AS (
    UPDATE updates
    SET turn_id = CAST(:turn_id AS uuid), outcome = 'turn', payload = NULL, settled_at = now()
    WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[]))
      AND outcome IS NULL AND turn_id IS NULL
      AND EXISTS (SELECT FROM users WHERE users.key = :user_key)
    RETURNING bot_id, update_id, received_at
), used AS (
    {command_event}
    FROM settled, (
        SELECT key, is_person, CAST(:language AS text) AS language FROM users WHERE key = :user_key
    ) AS person
    WHERE CAST(:command AS text) IS NOT NULL
    ON CONFLICT (id) DO NOTHING
)
SELECT update_id FROM settled
