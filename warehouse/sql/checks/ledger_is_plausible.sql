-- A row: a day with turns that cannot be: unknown status, negative amounts, or from the future.
-- An incremental build has only its new turns checked.
SELECT
    toDate(intDiv(toUnixTimestamp(t.received_at) + transform(
        roundDown(toUnixTimestamp(t.received_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day,
    toString(count()) AS observed,
    '0 impossible turns' AS expected
FROM turns AS t FINAL
-- incremental
PREWHERE t.version >= {changed_since:UInt64}
-- ends
WHERE t.epoch = {epoch:UInt32}
    AND toDate(t.received_at) IN {utc_days:Array(Date)}
    AND t.received_at >= {since:DateTime64(6, 'UTC')}
    AND t.received_at < {until:DateTime64(6, 'UTC')}
    AND day IN {days:Array(Date)}
    AND (
        t.status NOT IN ('answered', 'failed', 'cancelled', 'rejected')
        OR t.cost_usd < 0
        OR least(
            ifNull(t.prompt_tokens, 0), ifNull(t.completion_tokens, 0), ifNull(t.cached_tokens, 0),
            ifNull(t.reasoning_tokens, 0), t.user_chars, t.answer_chars, t.flood_wait_ms,
            t.pacing_wait_ms, t.unpriced_calls, t.generation_ms, t.generated_tokens, t.fallback_wait_ms
        ) < 0
        -- A question that is asked again is no new message.
        OR t.user_messages < 0
        OR t.received_at > now64(6) + INTERVAL 1 DAY
    )
GROUP BY day
