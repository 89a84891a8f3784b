-- A row: one person's day with one bot, in this build; or a pseudonym's that is no person.
-- In an incremental build rows with new turns; untouched_rows.sql copies the others.
INSERT INTO user_days (
    day, version, bot_id, user_key, is_person,
    -- metrics.toml: names
    user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
    abandoned, edited_questions, command_turns, uncounted_turns, prompt_tokens,
    completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced, fallbacks,
    fallback_wait_ms, fallback_cost_usd, answer_parts, flood_waits, flood_wait_ms,
    pacing_wait_ms, priced, generation_ms, generated_tokens, user_chars, answer_chars,
    -- metrics.toml ends
    first_at, last_at
)
-- incremental
SELECT
    day,
    version,
    bot_id,
    user_key,
    is_person,
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
    min(parts.first_at) AS first_at,
    max(parts.last_at) AS last_at
FROM (
-- ends
    SELECT
        toDate(intDiv(toUnixTimestamp(t.received_at) + transform(
            roundDown(toUnixTimestamp(t.received_at), {changes:Array(UInt32)}),
            {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
        ), 86400)) AS day,
        {version:UInt64} AS version,
        t.bot_id AS bot_id,
        t.user_key AS user_key,
        t.is_person AS is_person,
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
        min(t.received_at) AS first_at,
        max(t.received_at) AS last_at
    FROM turns AS t FINAL
    -- incremental
    PREWHERE t.version >= {changed_since:UInt64}
    -- ends
    WHERE t.epoch = {epoch:UInt32}
        AND toDate(t.received_at) IN {utc_days:Array(Date)}
        AND t.received_at >= {since:DateTime64(6, 'UTC')}
        AND t.received_at < {until:DateTime64(6, 'UTC')}
        AND day IN {days:Array(Date)}
    GROUP BY day, bot_id, user_key, is_person
    -- incremental
    UNION ALL
    SELECT
        day, {version:UInt64} AS version, bot_id, user_key, is_person,
        -- metrics.toml: names
        user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
        abandoned, edited_questions, command_turns, uncounted_turns, prompt_tokens,
        completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced, fallbacks,
        fallback_wait_ms, fallback_cost_usd, answer_parts, flood_waits, flood_wait_ms,
        pacing_wait_ms, priced, generation_ms, generated_tokens, user_chars, answer_chars,
        -- metrics.toml ends
        first_at, last_at
    FROM user_days AS built
    -- Named with its table: `version` alone is that of this build.
    WHERE built.day IN {days:Array(Date)}
        AND (built.day, built.version) IN (
            SELECT day, version FROM builds_at(snapshot = {base:UInt64})
        )
        AND built.user_key IN (
            SELECT user_key FROM turns
            WHERE epoch = {epoch:UInt32} AND version >= {changed_since:UInt64}
                AND toDate(received_at) IN {utc_days:Array(Date)}
        )
) AS parts
GROUP BY day, version, bot_id, user_key, is_person
-- ends
