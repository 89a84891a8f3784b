-- A row: one turn of the newest ones of the range, for rules about single turns.
WITH
    toDate(intDiv(toUnixTimestamp(t.received_at) + transform(
        roundDown(toUnixTimestamp(t.received_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day
SELECT
    toString(t.id) AS id,
    t.user_key AS user_key,
    toString(t.status) AS status,
    toString(t.chat_type) AS chat_type,
    t.user_messages AS user_messages,
    t.received_at <= now64(6) + INTERVAL 1 DAY AS is_past,
    t.status != 'answered' OR isNotNull(t.answered_at) AS has_answer_time,
    isNull(t.answered_at) OR t.answered_at >= t.received_at AS is_answered_after,
    t.status = 'answered' OR isNotNull(t.reason) AS has_reason,
    t.prompt_tokens AS prompt_tokens,
    t.completion_tokens AS completion_tokens,
    toFloat64(t.cost_usd) AS cost_usd,
    t.user_key BETWEEN 0 AND (SELECT max(user_key) FROM people WHERE epoch = {epoch:UInt32})
        AS is_known_person
FROM turns AS t FINAL
WHERE t.epoch = {epoch:UInt32}
    AND toDate(t.received_at) >= {since:Date} - 1
    AND day BETWEEN {since:Date} AND {until:Date}
ORDER BY t.received_at DESC
LIMIT {rows:UInt32}
