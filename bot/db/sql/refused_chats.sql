-- One row per chat whose last answer was refused, within the last hour. Older ones are deleted.
WITH expired AS (
    DELETE FROM refused_chats WHERE refused_at < now() - interval '1 hour'
)
SELECT chat_hmac FROM refused_chats
WHERE bot_id = :bot_id AND refused_at > now() - interval '1 hour'
