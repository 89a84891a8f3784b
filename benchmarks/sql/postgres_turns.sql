-- A row: one finished turn, every column an integer function of its number. See benchmarks.data.ledger.
INSERT INTO turns (
    id, bot_id, user_key, dialog_id, chat_type, language, source, user_messages, received_at,
    sent_at, first_token_at, answered_at, status, reason, model_asked, model_used, fallback_cause,
    prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_usd, finish_reason,
    user_chars, answer_chars, answer_parts, flood_wait_ms
)
SELECT
    md5(i::text)::uuid, 1, u, md5((u::bigint * 1000 + i / 100000)::text)::uuid,
    CASE WHEN mod(u, 10) < 8 THEN 'private' ELSE 'group' END,
    (ARRAY[NULL, 'en', 'ru', 'de', 'fr', 'es', 'pt-br', 'uk'])[mod(u, 8) + 1], NULL, 1, m, m,
    CASE WHEN ok THEN m + (300 + mod(r4, 900)) * interval '1 ms' END,
    m + (1500 + mod(r3, 8000)) * interval '1 ms',
    CASE WHEN ok THEN 'answered' ELSE 'failed' END,
    CASE WHEN NOT ok THEN 'timeout' END,
    'small',
    CASE WHEN ok THEN CASE WHEN mod(r4, 10) < 8 THEN 'small' ELSE 'large' END END,
    CASE WHEN ok AND mod(r4, 10) >= 8 THEN 'rate_limit' END,
    CASE WHEN ok THEN 100 + mod(r3, 900) END,
    CASE WHEN ok THEN 20 + mod(r4, 400) END,
    CASE WHEN ok THEN 0 END,
    CASE WHEN ok THEN 0 END,
    CASE WHEN ok THEN (100 + mod(r3, 900)) * 0.0000001500 END,
    CASE WHEN ok THEN 'stop' END,
    20 + mod(r4, 200), CASE WHEN ok THEN 50 + mod(r3, 1500) ELSE 0 END, 1, 0
FROM (
    SELECT
        i, r3, r4, mod(r4, 100) < 94 AS ok,
        (1 + ((((r1 * r1) >> 31) * r1 >> 31) * %(people)s >> 31))::int AS u,
        %(begin)s::timestamptz + (r2 * %(seconds)s >> 31) * interval '1 s'
            + mod(r3, 1000000) * interval '1 us' AS m
    FROM (
        SELECT
            i, pg_temp.r(i, 1) AS r1, pg_temp.r(i, 2) AS r2, pg_temp.r(i, 3) AS r3,
            pg_temp.r(i, 4) AS r4
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
        OFFSET 0
    ) AS numbered
    OFFSET 0
) AS placed
