-- One row per earlier message of the open dialog, newest first; without a message, one row with
-- the user's settings only. No row: the user was erased.
SELECT settings.max_history_messages, settings.sealed_system_prompt, settings.model,
       settings.admitted_at, coalesce(settings.is_text_only, false) AS is_text_only, rules.*, dialog.id AS dialog_id,
       EXISTS (
           SELECT FROM refused_chats AS chat
           WHERE chat.bot_id = :bot_id AND chat.chat_hmac = :chat_hmac
             AND chat.refusals >= 3 AND chat.refused_at > now() - interval '1 hour'
       ) AS is_undeliverable,
       summary.content AS summary, summary.covers_until, summary.first_message_id,
       summary.messages AS summarised_messages, earlier.created_at,
       earlier.id AS message_id, earlier.role, earlier.content, earlier.sealed_parts, earlier.pictures, earlier.turn_id,
       earlier.user_key AS author_key, author.wrapped_key, author.telegram_hmac,
       CASE WHEN CAST(:tells_names AS boolean) THEN author.sealed_profile END AS sealed_profile
FROM users AS person
CROSS JOIN LATERAL rules_of(
    person.telegram_hmac, CAST(:chat_hmac AS bytea), CAST(:is_admin AS boolean)
) AS rules
LEFT JOIN user_settings AS settings ON settings.user_key = person.key
LEFT JOIN dialogs AS dialog
       ON dialog.bot_id = :bot_id AND dialog.chat_hmac = :chat_hmac
      AND dialog.thread_id = :thread_id AND dialog.closed_at IS NULL
LEFT JOIN summaries AS summary ON summary.dialog_id = dialog.id
LEFT JOIN LATERAL (
    SELECT message.id, message.role, message.content, message.sealed_parts, message.pictures, message.turn_id,
           message.user_key, message.created_at
    FROM messages AS message
    WHERE message.dialog_id = dialog.id AND message.deleted_at IS NULL
      AND (summary.covers_until IS NULL OR message.created_at > summary.covers_until)
    ORDER BY message.created_at DESC
    -- The user's setting may exceed a limit that was lowered later. Unset: the limit.
    -- One more shows that an older message no longer fits.
    LIMIT least(settings.max_history_messages, CAST(:max_history_messages AS integer)) + 1
) AS earlier ON true
LEFT JOIN users AS author ON author.key = earlier.user_key
WHERE person.key = :user_key
ORDER BY earlier.created_at DESC
