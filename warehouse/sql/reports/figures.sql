-- A row: every figure of one bucket of a span, or with `start` 0 of the whole span, of one bot or all.
-- Whole days are read from `day_users`, days cut by an edge from the quarters of `quarter_users`.
-- `spans` and `edges` are the edges of spans and of their buckets, in seconds of UTC; `midnights` are
-- the starts of `whole_days`. The lists of builds alone select the days. PREWHERE is written out,
-- which is faster than letting the engine choose its conditions.
-- `figures.py` removes the parts that a request does not need: planning takes longer than reading.
SELECT
    roundDown(moment, {spans:Array(UInt32)}) AS span,
    -- Another type than `span`: with equal lists both would become one key, without total rows.
    toUInt64(roundDown(moment, {edges:Array(UInt32)})) AS start, -- for points
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
    quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
    quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(ttft) AS ttft, -- for totals
    groupBitmapMerge(reached) AS reached_users, -- for totals
    groupBitmapMerge(served) AS served_users,
    bitmapCardinality(groupBitmapMergeState(active)) AS active_users,
    bitmapAndCardinality(groupBitmapMergeState(new), groupBitmapMergeState(active)) AS new_users
FROM (
    -- from days
    SELECT
        transform(
            day, {whole_days:Array(Date)}, {midnights:Array(UInt32)}, toUInt32(0)
        ) AS moment,
        bot_id,
        -- metrics.toml: names
        user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
        abandoned, edited_questions, command_turns, uncounted_turns, prompt_tokens,
        completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced, fallbacks,
        fallback_wait_ms, fallback_cost_usd, answer_parts, flood_waits, flood_wait_ms,
        pacing_wait_ms, priced, generation_ms, generated_tokens, user_chars, answer_chars,
        -- metrics.toml ends
        latency, ttft, reached, served, active, new
    FROM day_users
    PREWHERE (day, version) IN {days:Array(Tuple(Date, UInt64))}
    -- from both
    UNION ALL
    -- from quarters
    SELECT
        toUnixTimestamp(bucket) AS moment,
        bot_id,
        -- metrics.toml: names
        user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
        abandoned, edited_questions, command_turns, uncounted_turns, prompt_tokens,
        completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced, fallbacks,
        fallback_wait_ms, fallback_cost_usd, answer_parts, flood_waits, flood_wait_ms,
        pacing_wait_ms, priced, generation_ms, generated_tokens, user_chars, answer_chars,
        -- metrics.toml ends
        latency, ttft, reached, served, active, new
    FROM quarter_users
    PREWHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {quarters:Array(Tuple(Date, UInt64))}
    -- from them
)
WHERE ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
GROUP BY GROUPING SETS (
    (span) -- for totals
    , -- for both
    (span, start) -- for points
)
