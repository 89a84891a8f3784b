-- A row: one day of one bot, chat type, language, model and model asked, from the same build's quarters.
INSERT INTO daily (
    day, version, bot_id, chat_type, language, model, model_asked,
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
SELECT
    a.day AS day,
    {version:UInt64} AS version,
    a.bot_id AS bot_id,
    a.chat_type AS chat_type,
    a.language AS language,
    a.model AS model,
    a.model_asked AS model_asked,
    -- metrics.toml: sums
    sum(user_messages) AS user_messages,
    sum(turns) AS turns,
    sum(served_turns) AS served_turns,
    sum(answers) AS answers,
    sum(incomplete) AS incomplete,
    sum(failed) AS failed,
    sum(rejected) AS rejected,
    sum(cancelled) AS cancelled,
    sum(abandoned) AS abandoned,
    sum(edited_questions) AS edited_questions,
    sum(command_turns) AS command_turns,
    sum(uncounted_turns) AS uncounted_turns,
    sum(prompt_tokens) AS prompt_tokens,
    sum(completion_tokens) AS completion_tokens,
    sum(cached_tokens) AS cached_tokens,
    sum(reasoning_tokens) AS reasoning_tokens,
    sum(cost_usd) AS cost_usd,
    sum(unpriced) AS unpriced,
    sum(fallbacks) AS fallbacks,
    sum(fallback_wait_ms) AS fallback_wait_ms,
    sum(fallback_cost_usd) AS fallback_cost_usd,
    sum(answer_parts) AS answer_parts,
    sum(flood_waits) AS flood_waits,
    sum(flood_wait_ms) AS flood_wait_ms,
    sum(pacing_wait_ms) AS pacing_wait_ms,
    sum(priced) AS priced,
    sum(generation_ms) AS generation_ms,
    sum(generated_tokens) AS generated_tokens,
    sum(user_chars) AS user_chars,
    sum(answer_chars) AS answer_chars,
    -- metrics.toml ends
    sumMap(a.reasons) AS reasons,
    sumMap(a.fallback_causes) AS fallback_causes,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.95, 0.99)(a.latency) AS latency,
    sum(a.latency_ms) AS latency_ms,
    sum(a.latency_turns) AS latency_turns,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.95, 0.99)(a.ttft) AS ttft,
    sum(a.ttft_ms) AS ttft_ms,
    sum(a.ttft_turns) AS ttft_turns,
    groupBitmapMergeState(a.active) AS active,
    groupBitmapMergeState(a.reached) AS reached,
    groupBitmapMergeState(a.served) AS served
FROM activity AS a
WHERE a.version = {version:UInt64} AND a.day IN {days:Array(Date)}
GROUP BY day, bot_id, chat_type, language, model, model_asked
