-- A row: one finished turn, every column an integer function of its number. See benchmarks.data.ledger.
INSERT INTO turns (
    epoch, version, is_deleted,
    id, bot_id, user_key, dialog_id, chat_type, language, source, user_messages, received_at,
    sent_at, first_token_at, answered_at, status, reason, model_asked, model_used, fallback_cause,
    prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_usd, finish_reason,
    user_chars, answer_chars, answer_parts, flood_wait_ms
)
SELECT
    1, {version:UInt64}, 0,
    toUUID(lower(hex(MD5(toString(i))))), 1, u,
    toUUID(lower(hex(MD5(toString(u * 1000 + intDiv(i, 100000)))))),
    if(u % 10 < 8, 'private', 'group'),
    [NULL, 'en', 'ru', 'de', 'fr', 'es', 'pt-br', 'uk'][u % 8 + 1], NULL, 1, m, m,
    if(ok, m + toIntervalMillisecond(300 + r4 % 900), NULL),
    m + toIntervalMillisecond(1500 + r3 % 8000),
    if(ok, 'answered', 'failed'),
    if(ok, NULL, 'timeout'),
    'small',
    if(ok, if(r4 % 10 < 8, 'small', 'large'), NULL),
    if(ok AND r4 % 10 >= 8, 'rate_limit', NULL),
    if(ok, 100 + r3 % 900, NULL),
    if(ok, 20 + r4 % 400, NULL),
    if(ok, 0, NULL),
    if(ok, 0, NULL),
    if(ok, toDecimal64((100 + r3 % 900) * 1500, 0) * toDecimal64('0.0000000001', 10), NULL),
    if(ok, 'stop', NULL),
    20 + r4 % 200, if(ok, 50 + r3 % 1500, 0), 1, 0
FROM (
    SELECT
        i, r3, r4, r4 % 100 < 94 AS ok,
        1 + bitShiftRight(
            bitShiftRight(bitShiftRight(r1 * r1, 31) * r1, 31) * {people:Int64}, 31
        ) AS u,
        toDateTime64({begin:Int64} + bitShiftRight(r2 * {seconds:Int64}, 31), 6, 'UTC')
            + toIntervalMicrosecond(r3 % 1000000) AS m
    FROM (
        WITH
            (n, salt) -> bitAnd(n * 1103515245 + salt * 40503, 2147483647) AS once,
            x -> bitAnd(bitXor(x, bitShiftRight(x, 15)) * 1597334677, 2147483647) AS twice,
            x -> bitXor(x, bitShiftRight(x, 16)) AS folded
        SELECT
            toInt64(number) AS i,
            folded(twice(once(i, 1))) AS r1,
            folded(twice(once(i, 2))) AS r2,
            folded(twice(once(i, 3))) AS r3,
            folded(twice(once(i, 4))) AS r4
        FROM numbers({first:UInt64}, {count:UInt64})
    )
)
