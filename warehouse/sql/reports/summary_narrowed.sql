-- One row: every figure of [since, until) at one snapshot, under filters.
-- Whole days come from the daily tier, the quarters of an hour around them from the finest.
WITH
    parts AS (
        SELECT
            turns, user_messages, answers, failed, cancelled, rejected, incomplete, fallbacks,
            prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced,
            answer_parts, flood_waits, flood_wait_ms, served_turns, priced, pacing_wait_ms, latency,
            ttft, active, reached, served
        FROM daily
        WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
          AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
          AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
          AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
          AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
          AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
        UNION ALL
        SELECT
            turns, user_messages, answers, failed, cancelled, rejected, incomplete, fallbacks,
            prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced,
            answer_parts, flood_waits, flood_wait_ms, served_turns, priced, pacing_wait_ms, latency,
            ttft, active, reached, served
        FROM activity
        WHERE (day < {first_day:Date} OR day > {last_day:Date})
          AND bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
          AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
          AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
          AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
          AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
          AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
    ),
    newcomers AS (
        SELECT groupBitmapMergeState(new) AS new
        FROM (
            SELECT new
            FROM day_users
            WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
              AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
              AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
            UNION ALL
            SELECT new
            FROM new_users
            WHERE (day < {first_day:Date} OR day > {last_day:Date})
              AND bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
              AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
              AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
        )
    )
SELECT
    totals.* EXCEPT (active),
    bitmapCardinality(totals.active) AS active_users,
    bitmapAndCardinality(newcomers.new, totals.active) AS new_users
FROM (
    SELECT
        sum(turns) AS turns,
        sum(user_messages) AS user_messages,
        sum(answers) AS answers,
        sum(failed) AS failed,
        sum(cancelled) AS cancelled,
        sum(rejected) AS rejected,
        sum(incomplete) AS incomplete,
        sum(fallbacks) AS fallbacks,
        sum(prompt_tokens) AS prompt_tokens,
        sum(completion_tokens) AS completion_tokens,
        sum(cached_tokens) AS cached_tokens,
        sum(reasoning_tokens) AS reasoning_tokens,
        sum(cost_usd) AS cost_usd,
        sum(unpriced) AS unpriced,
        sum(answer_parts) AS answer_parts,
        sum(flood_waits) AS flood_waits,
        sum(flood_wait_ms) AS flood_wait_ms,
        sum(served_turns) AS served_turns,
        sum(priced) AS priced,
        sum(pacing_wait_ms) AS pacing_wait_ms,
        quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
        quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(ttft) AS ttft,
        groupBitmapMergeState(active) AS active,
        groupBitmapMerge(reached) AS reached_users,
        groupBitmapMerge(served) AS served_users
    FROM parts
) AS totals
CROSS JOIN newcomers
