-- One row per message of a private dialog that its summary does not cover, newest first.
SELECT message.id AS message_id, message.role, message.content, message.sealed_parts,
       0 AS pictures, message.turn_id, message.created_at, message.dialog_id,
       message.user_key AS author_key, author.wrapped_key, author.telegram_hmac,
       CAST(NULL AS bytea) AS sealed_profile
FROM messages AS message
JOIN users AS author ON author.key = message.user_key
LEFT JOIN summaries AS summary ON summary.dialog_id = message.dialog_id
WHERE message.dialog_id = CAST(:dialog_id AS uuid) AND message.deleted_at IS NULL
  AND (summary.covers_until IS NULL OR message.created_at > summary.covers_until)
ORDER BY message.created_at DESC
LIMIT CAST(:most AS integer)
