-- A row: one day of one bot and who was active, reached and new on it, in this build.
INSERT INTO day_users
SELECT
    day,
    {version:UInt64} AS version,
    bot_id,
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
    sum(user_chars) AS user_chars,
    sum(answer_chars) AS answer_chars,
    sum(answer_parts) AS answer_parts,
    sum(flood_waits) AS flood_waits,
    sum(flood_wait_ms) AS flood_wait_ms,
    sum(served_turns) AS served_turns,
    sum(priced) AS priced,
    sum(pacing_wait_ms) AS pacing_wait_ms,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.95, 0.99)(ttft) AS ttft,
    groupBitmapMergeState(active) AS active,
    groupBitmapMergeState(reached) AS reached,
    groupBitmapMergeState(served) AS served,
    groupBitmapMergeState(new) AS new,
    any(people.busiest) AS busiest,
    any(dialogs.newest) AS newest
FROM (
    SELECT
        day, bot_id, turns, user_messages, answers, failed, cancelled, rejected, incomplete,
        fallbacks, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_usd,
        unpriced, user_chars, answer_chars, answer_parts, flood_waits, flood_wait_ms,
        served_turns, priced, pacing_wait_ms, latency, ttft, active, reached, served,
        arrayReduce('groupBitmapState', emptyArrayUInt32()) AS new
    FROM daily
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
    UNION ALL
    SELECT
        day, bot_id,
        toUInt64(0) AS turns,
        toUInt64(0) AS user_messages,
        toUInt64(0) AS answers,
        toUInt64(0) AS failed,
        toUInt64(0) AS cancelled,
        toUInt64(0) AS rejected,
        toUInt64(0) AS incomplete,
        toUInt64(0) AS fallbacks,
        toUInt64(0) AS prompt_tokens,
        toUInt64(0) AS completion_tokens,
        toUInt64(0) AS cached_tokens,
        toUInt64(0) AS reasoning_tokens,
        toDecimal128(0, 10) AS cost_usd,
        toUInt64(0) AS unpriced,
        toUInt64(0) AS user_chars,
        toUInt64(0) AS answer_chars,
        toUInt64(0) AS answer_parts,
        toUInt64(0) AS flood_waits,
        toUInt64(0) AS flood_wait_ms,
        toUInt64(0) AS served_turns,
        toUInt64(0) AS priced,
        toUInt64(0) AS pacing_wait_ms,
        arrayReduce('quantilesDDState(0.01, 0.5, 0.9, 0.95, 0.99)', emptyArrayFloat64()) AS latency,
        arrayReduce('quantilesDDState(0.01, 0.5, 0.9, 0.95, 0.99)', emptyArrayFloat64()) AS ttft,
        arrayReduce('groupBitmapState', emptyArrayUInt32()) AS active,
        arrayReduce('groupBitmapState', emptyArrayUInt32()) AS reached,
        arrayReduce('groupBitmapState', emptyArrayUInt32()) AS served,
        new
    FROM new_users
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
) AS parts
LEFT JOIN (
    -- Sorted by what is taken from zero, because the smallest are kept; ties by key.
    SELECT
        day,
        bot_id,
        arrayMap(
            place -> tuple(toUInt64(-place.1), place.2),
            groupArraySortedIf(100)(tuple(-toInt64(user_messages), user_key), is_person)
        ) AS busiest
    FROM user_days
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
    GROUP BY day, bot_id
) AS people USING (day, bot_id)
LEFT JOIN (
    -- The smallest are kept here as well; ties by the dialog as it is written, the last one first,
    -- which is not how ClickHouse orders a UUID.
    SELECT
        day,
        bot_id,
        arrayMap(
            place -> tuple(-place.1, place.3),
            groupArraySorted(100)(
                tuple(
                    -toUnixTimestamp64Micro(last_at), bitNot(toUInt128(dialog_id)), dialog_id
                )
            )
        ) AS newest
    FROM dialog_days
    WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
    GROUP BY day, bot_id
) AS dialogs USING (day, bot_id)
GROUP BY day, bot_id
