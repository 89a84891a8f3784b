-- One row: this is new, and it becomes an event. No row: it was known before, the person was erased,
-- or is not counted: an event at the time of `users.blocked_at` would say whose it is.
WITH changed AS (
    UPDATE users SET blocked_at = CAST(:blocked_at AS timestamptz)
    WHERE key = :user_key AND (blocked_at IS NULL) = (CAST(:blocked_at AS timestamptz) IS NOT NULL)
    RETURNING key, language, is_person
)
INSERT INTO user_events (
    id, bot_id, user_key, occurred_at, chat_type, language, kind, is_counted
)
SELECT CAST(md5(concat_ws('/', CAST(:bot_id AS bigint), CAST(:update_id AS bigint), CAST(:kind AS text))) AS uuid),
       CAST(:bot_id AS bigint), changed.key, CAST(:occurred_at AS timestamptz), 'private', changed.language,
       CAST(:kind AS text), true
FROM changed
WHERE changed.is_person
  AND is_counted(changed.key, CAST(:counts_people AS boolean), CAST(:counts_earlier_people AS boolean))
ON CONFLICT (id) DO NOTHING
RETURNING id
