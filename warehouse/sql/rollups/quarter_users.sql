-- A row: one quarter of an hour of one bot and who was active, reached and new, in this build.
INSERT INTO quarter_users (
    day, version, bucket, bot_id,
    -- metrics.toml: names
    user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
    abandoned, edited_questions, command_turns, uncounted_turns, prompt_tokens,
    completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced, fallbacks,
    fallback_wait_ms, fallback_cost_usd, answer_parts, flood_waits, flood_wait_ms,
    pacing_wait_ms, priced, generation_ms, generated_tokens, user_chars, answer_chars,
    -- metrics.toml ends
    latency, ttft, active, reached, served, new
)
SELECT
    day,
    {version:UInt64} AS version,
    bucket,
    bot_id,
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
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.95, 0.99)(ttft) AS ttft,
    groupBitmapMergeState(active) AS active,
    groupBitmapMergeState(reached) AS reached,
    groupBitmapMergeState(served) AS served,
    groupBitmapMergeState(new) AS new
FROM (
    SELECT
        day, bucket, bot_id,
        -- metrics.toml: names
        user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
        abandoned, edited_questions, command_turns, uncounted_turns, prompt_tokens,
        completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced, fallbacks,
        fallback_wait_ms, fallback_cost_usd, answer_parts, flood_waits, flood_wait_ms,
        pacing_wait_ms, priced, generation_ms, generated_tokens, user_chars, answer_chars,
        -- metrics.toml ends
        latency, ttft, active, reached, served,
        arrayReduce('groupBitmapState', emptyArrayUInt32()) AS new
    FROM activity
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
    UNION ALL
    SELECT
        day, bucket, bot_id,
        -- metrics.toml: zeros
        CAST(0, 'UInt64') AS user_messages,
        CAST(0, 'UInt64') AS turns,
        CAST(0, 'UInt64') AS served_turns,
        CAST(0, 'UInt64') AS answers,
        CAST(0, 'UInt64') AS incomplete,
        CAST(0, 'UInt64') AS failed,
        CAST(0, 'UInt64') AS rejected,
        CAST(0, 'UInt64') AS cancelled,
        CAST(0, 'UInt64') AS abandoned,
        CAST(0, 'UInt64') AS edited_questions,
        CAST(0, 'UInt64') AS command_turns,
        CAST(0, 'UInt64') AS uncounted_turns,
        CAST(0, 'UInt64') AS prompt_tokens,
        CAST(0, 'UInt64') AS completion_tokens,
        CAST(0, 'UInt64') AS cached_tokens,
        CAST(0, 'UInt64') AS reasoning_tokens,
        CAST(0, 'Decimal(38, 10)') AS cost_usd,
        CAST(0, 'UInt64') AS unpriced,
        CAST(0, 'UInt64') AS fallbacks,
        CAST(0, 'UInt64') AS fallback_wait_ms,
        CAST(0, 'Decimal(38, 10)') AS fallback_cost_usd,
        CAST(0, 'UInt64') AS answer_parts,
        CAST(0, 'UInt64') AS flood_waits,
        CAST(0, 'UInt64') AS flood_wait_ms,
        CAST(0, 'UInt64') AS pacing_wait_ms,
        CAST(0, 'UInt64') AS priced,
        CAST(0, 'UInt64') AS generation_ms,
        CAST(0, 'UInt64') AS generated_tokens,
        CAST(0, 'UInt64') AS user_chars,
        CAST(0, 'UInt64') AS answer_chars,
        -- metrics.toml ends
        arrayReduce('quantilesDDState(0.01, 0.5, 0.9, 0.95, 0.99)', emptyArrayFloat64()) AS latency,
        arrayReduce('quantilesDDState(0.01, 0.5, 0.9, 0.95, 0.99)', emptyArrayFloat64()) AS ttft,
        arrayReduce('groupBitmapState', emptyArrayUInt32()) AS active,
        arrayReduce('groupBitmapState', emptyArrayUInt32()) AS reached,
        arrayReduce('groupBitmapState', emptyArrayUInt32()) AS served,
        new
    FROM new_users
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
)
GROUP BY day, bucket, bot_id
