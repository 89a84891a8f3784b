-- One row: how many answers in a row the chat has refused, with this one; reset after an hour.
WITH expired AS (
    DELETE FROM refused_chats
    WHERE refused_at < now() - interval '1 hour' AND chat_hmac <> :chat_hmac
)
INSERT INTO refused_chats AS chat (bot_id, chat_hmac)
VALUES (:bot_id, :chat_hmac)
ON CONFLICT (bot_id, chat_hmac) DO UPDATE
SET refusals = CASE WHEN chat.refused_at < now() - interval '1 hour' THEN 1
                    ELSE least(chat.refusals + 1, 1000) END,
    refused_at = now()
RETURNING refusals
