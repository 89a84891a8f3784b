-- A row: one quarter of an hour of one bot, chat type, language, model and model asked, in this build.
-- An incremental build counts only `quarters`, see untouched_quarters.sql.
INSERT INTO activity (
    day, version, bucket, bot_id, chat_type, language, model, model_asked,
    -- metrics.toml: names
    user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
    edited_questions, command_turns, prompt_tokens, completion_tokens, cached_tokens,
    reasoning_tokens, cost_usd, unpriced, fallbacks, answer_parts, flood_waits,
    flood_wait_ms, pacing_wait_ms, priced, user_chars, answer_chars,
    -- metrics.toml ends
    reasons, fallback_causes, latency, latency_ms, latency_turns, ttft, ttft_ms, ttft_turns,
    active, reached, served
)
WITH
    t.status != 'rejected' AND isNotNull(coalesce(t.model_used, t.model_asked)) AS is_served,
    t.status = 'answered' AND isNotNull(t.answered_at) AS is_timed,
    greatest(
        toUnixTimestamp64Micro(ifNull(t.answered_at, t.received_at))
        - toUnixTimestamp64Micro(t.received_at), 0
    ) AS answer_microseconds,
    isNotNull(t.first_token_at) AS is_streamed,
    greatest(
        toUnixTimestamp64Micro(ifNull(t.first_token_at, t.received_at))
        - toUnixTimestamp64Micro(t.received_at), 0
    ) AS token_microseconds
SELECT
    toDate(intDiv(toUnixTimestamp(t.received_at) + transform(
        roundDown(toUnixTimestamp(t.received_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day,
    {version:UInt64} AS version,
    toStartOfInterval(toDateTime(t.received_at, 'UTC'), INTERVAL 15 MINUTE, 'UTC') AS bucket,
    t.bot_id AS bot_id,
    t.chat_type AS chat_type,
    ifNull(t.language, '') AS language,
    coalesce(t.model_used, t.model_asked, '') AS model,
    ifNull(t.model_asked, '') AS model_asked,
    -- metrics.toml: sums over the ledger
    sum(toUInt64(t.user_messages)) AS user_messages,
    count() AS turns,
    countIf(t.status != 'rejected' AND isNotNull(coalesce(t.model_used, t.model_asked))) AS served_turns,
    countIf(t.status = 'answered') AS answers,
    countIf(t.status = 'answered' AND t.reason = 'incomplete') AS incomplete,
    countIf(t.status = 'failed') AS failed,
    countIf(t.status = 'rejected') AS rejected,
    countIf(t.status = 'cancelled') AS cancelled,
    countIf(t.reason = 'edited') AS edited_questions,
    countIf(t.user_messages = 0) AS command_turns,
    sum(toUInt64(ifNull(t.prompt_tokens, 0))) AS prompt_tokens,
    sum(toUInt64(ifNull(t.completion_tokens, 0))) AS completion_tokens,
    sum(toUInt64(ifNull(t.cached_tokens, 0))) AS cached_tokens,
    sum(toUInt64(ifNull(t.reasoning_tokens, 0))) AS reasoning_tokens,
    sum(ifNull(t.cost_usd, toDecimal64(0, 10))) AS cost_usd,
    countIf(t.unpriced_calls > 0) AS unpriced,
    countIf(isNotNull(t.fallback_cause)) AS fallbacks,
    sum(toUInt64(t.answer_parts)) AS answer_parts,
    countIf(t.flood_wait_ms > 0) AS flood_waits,
    sum(toUInt64(t.flood_wait_ms)) AS flood_wait_ms,
    sum(toUInt64(t.pacing_wait_ms)) AS pacing_wait_ms,
    countIf(isNotNull(t.cost_usd)) AS priced,
    sum(toUInt64(t.user_chars)) AS user_chars,
    sum(toUInt64(t.answer_chars)) AS answer_chars,
    -- metrics.toml ends
    sumMapIf(map(ifNull(toString(t.reason), ''), toUInt64(1)), isNotNull(t.reason)) AS reasons,
    sumMapIf(
        map(ifNull(toString(t.fallback_cause), ''), toUInt64(1)), isNotNull(t.fallback_cause)
    ) AS fallback_causes,
    quantilesDDStateIf(0.01, 0.5, 0.9, 0.95, 0.99)(answer_microseconds / 1000, is_timed)
        AS latency,
    intDiv(sumIf(toUInt64(answer_microseconds), is_timed), 1000) AS latency_ms,
    countIf(is_timed) AS latency_turns,
    quantilesDDStateIf(0.01, 0.5, 0.9, 0.95, 0.99)(token_microseconds / 1000, is_streamed)
        AS ttft,
    intDiv(sumIf(toUInt64(token_microseconds), is_streamed), 1000) AS ttft_ms,
    countIf(is_streamed) AS ttft_turns,
    groupBitmapStateIf(t.user_key, t.is_person) AS active,
    groupBitmapStateIf(t.user_key, t.is_person AND t.status = 'answered') AS reached,
    groupBitmapStateIf(t.user_key, t.is_person AND is_served) AS served
FROM turns AS t FINAL
-- incremental
PREWHERE has(
    {quarters:Array(UInt32)}, toUInt32(intDiv(toUnixTimestamp(t.received_at), 900) * 900)
)
-- ends
WHERE t.epoch = {epoch:UInt32}
    AND toDate(t.received_at) IN {utc_days:Array(Date)}
    AND t.received_at >= {since:DateTime64(6, 'UTC')}
    AND t.received_at < {until:DateTime64(6, 'UTC')}
    AND day IN {days:Array(Date)}
GROUP BY day, bucket, bot_id, chat_type, language, model, model_asked
