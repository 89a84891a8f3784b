-- One row per update of this turn: all given ones, or none, and nothing is written, if another
-- process was first, or the user was erased, or banned after the rules were read. One row per limit
-- of the bill that is used up or has no total: then nothing is written either.
WITH person AS (
    SELECT key, source, is_person, telegram_hmac FROM users WHERE key = :user_key FOR KEY SHARE
), free AS (
    SELECT update_id FROM updates
    WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[]))
      AND outcome IS NULL AND turn_id IS NULL
    FOR UPDATE
), bill AS (
    {locked_limits}
), refused AS (
    SELECT given.name AS limit_name, bill.name IS NULL AS is_missing
    FROM unnest(CAST(:limit_names AS text[])) AS given(name) LEFT JOIN bill USING (name)
    WHERE (bill.usd + CAST(:reserve_usd AS numeric) > bill.limit_usd) IS NOT FALSE
), granted AS (
    SELECT key, source, is_person
    FROM person
    CROSS JOIN LATERAL rules_of(
        person.telegram_hmac, CAST(:chat_hmac AS bytea), CAST(:is_admin AS boolean)
    ) AS rules
    WHERE rules.access IS DISTINCT FROM 'ban'
      AND (SELECT count(*) FROM free) = cardinality(CAST(:update_ids AS bigint[]))
      AND NOT EXISTS (SELECT FROM refused)
), new_dialog AS (
    INSERT INTO dialogs (id, bot_id, chat_hmac, thread_id, chat_type, user_key)
    SELECT CAST(:dialog_id AS uuid), :bot_id, :chat_hmac, :thread_id, :chat_type,
           CAST(:dialog_owner AS integer)
    FROM granted WHERE CAST(:is_new_dialog AS boolean)
), new_turn AS (
    INSERT INTO turns (
        id, bot_id, user_key, dialog_id, chat_type, language, source, user_messages, is_person, is_counted,
        received_at, sent_at, model_asked, user_chars
    )
    SELECT CAST(:turn_id AS uuid), :bot_id, granted.key, CAST(:dialog_id AS uuid), :chat_type,
           CAST(:language AS text),
           CASE WHEN granted.source IS NOT NULL
                 AND NOT EXISTS (SELECT FROM turns WHERE turns.user_key = granted.key)
                THEN granted.source END,
           CAST(:user_messages AS smallint), granted.is_person,
           is_counted(granted.key, CAST(:counts_people AS boolean), CAST(:counts_earlier_people AS boolean)),
           :received_at, :sent_at,
           CAST(:model_asked AS text), CAST(:user_chars AS integer)
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
        id, user_key, dialog_id, turn_id, role, content, sealed_parts, content_length, pictures
    )
    SELECT CAST(:message_id AS uuid), :user_key, CAST(:dialog_id AS uuid),
           CAST(:turn_id AS uuid), 'user', CAST(:content AS bytea),
           CAST(:sealed_parts AS bytea), CAST(:content_length AS integer),
           CAST(:pictures AS smallint)
    FROM granted WHERE CAST(:content AS bytea) IS NOT NULL
), new_pictures AS (
    INSERT INTO pictures (id, message_id, user_key, number, content)
    SELECT given.id, CAST(:message_id AS uuid), granted.key, given.number, given.content
    FROM granted, unnest(CAST(:picture_ids AS uuid[]), CAST(:picture_contents AS bytea[]))
        WITH ORDINALITY AS given(id, content, number)
), moved_pictures AS (
    -- An edit of the caption keeps the pictures.
    UPDATE pictures SET message_id = CAST(:message_id AS uuid)
    WHERE EXISTS (SELECT FROM granted) AND message_id IN (
        SELECT id FROM messages WHERE turn_id = CAST(:replaces AS uuid) AND role = 'user'
    )
), new_call AS (
    INSERT INTO llm_calls (
        id, turn_id, attempt, model, purpose, audio_seconds, bot_id, billed_on, reserve_usd
    )
    SELECT CAST(:call_id AS uuid), CAST(:turn_id AS uuid), 1, CAST(:model AS text),
           CAST(:purpose AS text), CAST(:opened_seconds AS integer), :bot_id,
           CAST(:billed_on AS date), CAST(:reserve_usd AS numeric)
    FROM granted
), taken AS (
    UPDATE updates SET turn_id = CAST(:turn_id AS uuid)
    FROM granted
    WHERE bot_id = :bot_id AND update_id = ANY(CAST(:update_ids AS bigint[]))
      AND outcome IS NULL AND turn_id IS NULL
    RETURNING bot_id, turn_id, update_id, received_at
), used AS (
    -- A command that asks a model.
    {command_event}
    FROM taken AS settled, (
        SELECT key, is_person, CAST(:language AS text) AS language FROM granted
    ) AS person
    WHERE CAST(:command AS text) IS NOT NULL
    ON CONFLICT (id) DO NOTHING
)
SELECT turn_id, update_id, CAST(NULL AS text) AS limit_name, false AS is_missing FROM taken
UNION ALL
SELECT CAST(:turn_id AS uuid), CAST(NULL AS bigint), limit_name, is_missing FROM refused
