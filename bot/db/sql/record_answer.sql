-- Closes the attempt that answered and stores the answer: after a crash the delivery is repeated,
-- but not the request. No message is stored if the user was erased.
WITH closed AS (
    {close_call}
)
INSERT INTO messages (id, user_key, dialog_id, turn_id, role, content, content_length)
SELECT CAST(:message_id AS uuid), person.key, dialog.id, CAST(:turn_id AS uuid), 'assistant',
       CAST(:content AS bytea), CAST(:content_length AS integer)
FROM users AS person, dialogs AS dialog
WHERE person.key = :user_key AND dialog.id = CAST(:dialog_id AS uuid)
ON CONFLICT (id) DO NOTHING
