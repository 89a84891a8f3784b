-- One row per update of this turn: all given ones, or none, and nothing is written, if another
-- process was first or the user was erased.
WITH person AS (
    SELECT key, source, is_person FROM users WHERE key = :user_key FOR KEY SHARE
), free AS (
    SELECT update_id FROM updates
    WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[]))
      AND outcome IS NULL AND turn_id IS NULL
    FOR UPDATE
), granted AS (
    SELECT key, source, is_person FROM person
    WHERE (SELECT count(*) FROM free) = cardinality(CAST(:update_ids AS bigint[]))
), new_dialog AS (
    INSERT INTO dialogs (id, bot_id, chat_hmac, thread_id, chat_type, user_key)
    SELECT CAST(:dialog_id AS uuid), :bot_id, :chat_hmac, :thread_id, :chat_type,
           CAST(:dialog_owner AS integer)
    FROM granted WHERE CAST(:is_new_dialog AS boolean)
), new_turn AS (
    INSERT INTO turns (
        id, bot_id, user_key, dialog_id, chat_type, language, source, user_messages, is_person,
        received_at, sent_at, model_asked, user_chars
    )
    SELECT CAST(:turn_id AS uuid), :bot_id, granted.key, CAST(:dialog_id AS uuid), :chat_type,
           CAST(:language AS text),
           CASE WHEN granted.source IS NOT NULL
                 AND NOT EXISTS (SELECT FROM turns WHERE turns.user_key = granted.key)
                THEN granted.source END,
           CAST(:user_messages AS smallint), granted.is_person, :received_at, :sent_at,
           CAST(:model AS text), CAST(:user_chars AS integer)
    FROM granted
), taken_back AS (
    -- Withdraw the question before it was edited, with everything after it.
    UPDATE messages SET deleted_at = now()
    WHERE dialog_id = CAST(:dialog_id AS uuid) AND deleted_at IS NULL
      AND created_at >= (
          SELECT min(created_at) FROM messages
          WHERE turn_id = CAST(:replaces AS uuid) AND role = 'user'
      )
      AND EXISTS (SELECT FROM granted)
), new_message AS (
    INSERT INTO messages (
        id, user_key, dialog_id, turn_id, role, content, sealed_parts, content_length
    )
    SELECT CAST(:message_id AS uuid), :user_key, CAST(:dialog_id AS uuid),
           CAST(:turn_id AS uuid), 'user', CAST(:content AS bytea),
           CAST(:sealed_parts AS bytea), CAST(:content_length AS integer)
    FROM granted WHERE CAST(:content AS bytea) IS NOT NULL
), new_call AS (
    INSERT INTO llm_calls (id, turn_id, attempt, model)
    SELECT CAST(:call_id AS uuid), CAST(:turn_id AS uuid), 1, CAST(:model AS text) FROM granted
)
UPDATE updates SET turn_id = CAST(:turn_id AS uuid)
FROM granted
WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[]))
  AND outcome IS NULL AND turn_id IS NULL
RETURNING turn_id, update_id
