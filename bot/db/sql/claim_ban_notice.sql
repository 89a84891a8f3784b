-- One row: a user, or a banned chat, may be told now that it is banned. No row: told within a day,
-- and no ban is newer.
WITH asked AS (
    SELECT CASE WHEN CAST(:is_about_chat AS boolean) THEN CAST(:chat_hmac AS bytea)
                ELSE telegram_hmac END AS subject_hmac
    FROM users WHERE key = :user_key
), newest AS (
    SELECT max(rule.set_at) AS set_at
    FROM users AS person
    JOIN access_rules AS rule
      ON rule.subject_hmac IN (person.telegram_hmac, CAST(:chat_hmac AS bytea), ''::bytea)
    WHERE person.key = :user_key AND rule.kind = 'ban'
), expired AS (
    DELETE FROM ban_notices
    WHERE sent_at < now() - interval '1 day'
      AND subject_hmac NOT IN (SELECT subject_hmac FROM asked)
)
INSERT INTO ban_notices AS notice (subject_hmac)
SELECT subject_hmac FROM asked
ON CONFLICT (subject_hmac) DO UPDATE SET sent_at = now()
WHERE notice.sent_at < greatest(now() - interval '1 day', (SELECT set_at FROM newest))
RETURNING subject_hmac
