-- A row: one quarter of an hour of one bot, chat type, language, model and model asked, in this build.
-- An incremental build counts only `quarters`, see untouched_quarters.sql. Reports make such rows for
-- filters that no tier holds, see reports/ledger_tier.py: the lines marked with `for` are theirs.
INSERT INTO activity (
    day, version, bucket, bot_id, chat_type, language, model, model_asked,
    -- metrics.toml: names
    user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
    abandoned, edited_questions, command_turns, uncounted_turns, prompt_tokens,
    completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced, fallbacks,
    fallback_wait_ms, fallback_cost_usd, answer_parts, flood_waits, flood_wait_ms,
    pacing_wait_ms, priced, generation_ms, generated_tokens, user_chars, answer_chars,
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
    ifNull(t.source, '') AS source, -- for by_source
    t.user_key AS person, -- for by_person
    toString(t.dialog_id) AS dialog, -- for by_dialog
    t.status AS status, -- for by_status
    ifNull(t.reason, '') AS cause, -- for by_cause
    ifNull(t.fallback_cause, '') AS fallback_cause, -- for by_fallback_cause
    -- metrics.toml: sums over the ledger
    sum(toUInt64(t.user_messages)) AS user_messages,
    count() AS turns,
    countIf(t.status != 'rejected' AND isNotNull(coalesce(t.model_used, t.model_asked))) AS served_turns,
    countIf(t.status = 'answered') AS answers,
    countIf(t.status = 'answered' AND t.reason = 'incomplete') AS incomplete,
    countIf(t.status = 'failed') AS failed,
    countIf(t.status = 'rejected') AS rejected,
    countIf(t.status = 'cancelled') AS cancelled,
    countIf(t.status IN ('cancelled', 'failed') AND t.reason IN ('stopped', 'cancelled', 'blocked')) AS abandoned,
    countIf(t.reason = 'edited') AS edited_questions,
    countIf(t.user_messages = 0) AS command_turns,
    countIf(t.user_key = 0) AS uncounted_turns,
    sum(toUInt64(ifNull(t.prompt_tokens, 0))) AS prompt_tokens,
    sum(toUInt64(ifNull(t.completion_tokens, 0))) AS completion_tokens,
    sum(toUInt64(ifNull(t.cached_tokens, 0))) AS cached_tokens,
    sum(toUInt64(ifNull(t.reasoning_tokens, 0))) AS reasoning_tokens,
    sum(ifNull(t.cost_usd, toDecimal64(0, 10))) AS cost_usd,
    countIf(t.unpriced_calls > 0) AS unpriced,
    countIf(isNotNull(t.fallback_cause)) AS fallbacks,
    sum(toUInt64(t.fallback_wait_ms)) AS fallback_wait_ms,
    sum(ifNull(t.fallback_cost_usd, toDecimal64(0, 10))) AS fallback_cost_usd,
    sum(toUInt64(t.answer_parts)) AS answer_parts,
    countIf(t.flood_wait_ms > 0) AS flood_waits,
    sum(toUInt64(t.flood_wait_ms)) AS flood_wait_ms,
    sum(toUInt64(t.pacing_wait_ms)) AS pacing_wait_ms,
    countIf(isNotNull(t.cost_usd)) AS priced,
    sum(toUInt64(t.generation_ms)) AS generation_ms,
    sum(toUInt64(t.generated_tokens)) AS generated_tokens,
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
    AND t.version < {watermark:UInt64} -- for snapshot
    AND NOT arrayExists(held -> toUnixTimestamp(t.received_at) >= held.1 AND toUnixTimestamp(t.received_at) < held.2 AND t.version >= held.3, {rows_excluded:Array(Tuple(Int64, Int64, UInt64))}) -- for snapshot
    -- metrics.toml: conditions on turns
    AND t.bot_id IN {bot_is:Array(Int64)} -- for bot_is
    AND t.bot_id NOT IN {bot_is_not:Array(Int64)} -- for bot_is_not
    AND t.chat_type IN {chat_type_is:Array(String)} -- for chat_type_is
    AND t.chat_type NOT IN {chat_type_is_not:Array(String)} -- for chat_type_is_not
    AND arrayExists(part -> position(t.chat_type, part) > 0, {chat_type_contains:Array(String)}) -- for chat_type_contains
    AND NOT arrayExists(part -> position(t.chat_type, part) > 0, {chat_type_contains_not:Array(String)}) -- for chat_type_contains_not
    AND ifNull(t.language, '') IN {language_is:Array(String)} -- for language_is
    AND ifNull(t.language, '') NOT IN {language_is_not:Array(String)} -- for language_is_not
    AND arrayExists(part -> position(ifNull(t.language, ''), part) > 0, {language_contains:Array(String)}) -- for language_contains
    AND NOT arrayExists(part -> position(ifNull(t.language, ''), part) > 0, {language_contains_not:Array(String)}) -- for language_contains_not
    AND coalesce(t.model_used, t.model_asked, '') IN {model_is:Array(String)} -- for model_is
    AND coalesce(t.model_used, t.model_asked, '') NOT IN {model_is_not:Array(String)} -- for model_is_not
    AND arrayExists(part -> position(coalesce(t.model_used, t.model_asked, ''), part) > 0, {model_contains:Array(String)}) -- for model_contains
    AND NOT arrayExists(part -> position(coalesce(t.model_used, t.model_asked, ''), part) > 0, {model_contains_not:Array(String)}) -- for model_contains_not
    AND ifNull(t.model_asked, '') IN {model_asked_is:Array(String)} -- for model_asked_is
    AND ifNull(t.model_asked, '') NOT IN {model_asked_is_not:Array(String)} -- for model_asked_is_not
    AND arrayExists(part -> position(ifNull(t.model_asked, ''), part) > 0, {model_asked_contains:Array(String)}) -- for model_asked_contains
    AND NOT arrayExists(part -> position(ifNull(t.model_asked, ''), part) > 0, {model_asked_contains_not:Array(String)}) -- for model_asked_contains_not
    AND ifNull(t.source, '') IN {source_is:Array(String)} -- for source_is
    AND ifNull(t.source, '') NOT IN {source_is_not:Array(String)} -- for source_is_not
    AND arrayExists(part -> position(ifNull(t.source, ''), part) > 0, {source_contains:Array(String)}) -- for source_contains
    AND NOT arrayExists(part -> position(ifNull(t.source, ''), part) > 0, {source_contains_not:Array(String)}) -- for source_contains_not
    AND t.user_key IN {person_is:Array(UInt32)} -- for person_is
    AND t.user_key NOT IN {person_is_not:Array(UInt32)} -- for person_is_not
    AND t.dialog_id IN {dialog_is:Array(UUID)} -- for dialog_is
    AND t.dialog_id NOT IN {dialog_is_not:Array(UUID)} -- for dialog_is_not
    AND t.status IN {status_is:Array(String)} -- for status_is
    AND t.status NOT IN {status_is_not:Array(String)} -- for status_is_not
    AND arrayExists(part -> position(t.status, part) > 0, {status_contains:Array(String)}) -- for status_contains
    AND NOT arrayExists(part -> position(t.status, part) > 0, {status_contains_not:Array(String)}) -- for status_contains_not
    AND ifNull(t.reason, '') IN {cause_is:Array(String)} -- for cause_is
    AND ifNull(t.reason, '') NOT IN {cause_is_not:Array(String)} -- for cause_is_not
    AND arrayExists(part -> position(ifNull(t.reason, ''), part) > 0, {cause_contains:Array(String)}) -- for cause_contains
    AND NOT arrayExists(part -> position(ifNull(t.reason, ''), part) > 0, {cause_contains_not:Array(String)}) -- for cause_contains_not
    AND ifNull(t.fallback_cause, '') IN {fallback_cause_is:Array(String)} -- for fallback_cause_is
    AND ifNull(t.fallback_cause, '') NOT IN {fallback_cause_is_not:Array(String)} -- for fallback_cause_is_not
    AND arrayExists(part -> position(ifNull(t.fallback_cause, ''), part) > 0, {fallback_cause_contains:Array(String)}) -- for fallback_cause_contains
    AND NOT arrayExists(part -> position(ifNull(t.fallback_cause, ''), part) > 0, {fallback_cause_contains_not:Array(String)}) -- for fallback_cause_contains_not
    -- metrics.toml ends
GROUP BY day, bucket, bot_id, chat_type, language, model, model_asked
    , source -- for by_source
    , person -- for by_person
    , dialog -- for by_dialog
    , status -- for by_status
    , cause -- for by_cause
    , fallback_cause -- for by_fallback_cause
