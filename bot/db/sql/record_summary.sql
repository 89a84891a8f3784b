-- Closes the attempt that summarised and stores the summary in place of the dialog's earlier one.
-- Nothing is stored if the dialog was closed, or its messages were deleted meanwhile. Idempotent.
WITH closed AS (
    {close_call}
)
INSERT INTO summaries (dialog_id, user_key, first_message_id, covers_until, messages, content)
SELECT dialog.id, person.key, message.id, CAST(:covers_until AS timestamptz),
       CAST(:messages AS integer), CAST(:content AS bytea)
FROM dialogs AS dialog, users AS person, messages AS message
WHERE dialog.id = CAST(:dialog_id AS uuid) AND dialog.closed_at IS NULL
  AND person.key = CAST(:user_key AS integer)
  AND message.id = CAST(:first_message_id AS uuid)
ON CONFLICT (dialog_id) DO UPDATE
SET first_message_id = excluded.first_message_id, covers_until = excluded.covers_until,
    messages = excluded.messages, content = excluded.content, written_at = now()
RETURNING CAST(:turn_id AS uuid) AS turn_id
