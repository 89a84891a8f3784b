-- One row per picture of these messages that is still kept: the newest ones, in the order in which
-- they were sent.
SELECT picture.id, picture.message_id, picture.content, person.wrapped_key, person.telegram_hmac
FROM (
    SELECT id, message_id, user_key, content, created_at, number FROM pictures
    WHERE message_id = ANY(CAST(:message_ids AS uuid[]))
      AND created_at > now() - make_interval(hours => CAST(:hours AS integer))
    ORDER BY created_at DESC, number DESC
    LIMIT CAST(:pictures AS integer)
) AS picture
JOIN users AS person ON person.key = picture.user_key
ORDER BY picture.created_at, picture.number
