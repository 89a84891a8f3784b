-- One row per update that was stored now; absent: stored before, or its user was erased.
-- The users are locked until the commit, so that no payload is sealed with a destroyed key.
WITH held AS (
    SELECT key FROM users WHERE key = ANY(CAST(:people AS integer[])) FOR KEY SHARE
)
INSERT INTO updates (
    bot_id, update_id, kind, lane, user_key, payload, outcome, error, refused_kind, settled_at
)
SELECT CAST(:bot_id AS bigint), given.update_id, given.kind, given.lane, given.user_key,
       given.payload, given.outcome, given.error, given.refused_kind,
       CASE WHEN given.outcome IS NOT NULL THEN now() END
FROM unnest(
    CAST(:update_ids AS bigint[]), CAST(:kinds AS text[]), CAST(:lanes AS bytea[]),
    CAST(:user_keys AS integer[]), CAST(:payloads AS bytea[]), CAST(:outcomes AS text[]),
    CAST(:errors AS text[]), CAST(:refused_kinds AS text[])
) AS given(update_id, kind, lane, user_key, payload, outcome, error, refused_kind)
WHERE given.user_key IS NULL OR given.user_key IN (SELECT key FROM held)
ORDER BY given.update_id
ON CONFLICT (bot_id, update_id) DO NOTHING
RETURNING update_id
