-- A row: every figure of one group of a span, or with `start` 0 of the whole span, under filters.
-- The same as `figures`, from the tiers with more dimensions than the bot. Dimensions that are not
-- asked for are one group. New people have no dimension except the bot: people count as new if their
-- first turn is in the bucket and the filters find them active in it.
-- `figures.py` removes filters and dimensions that are not asked for, and without `new_users` the join.
SELECT
    groups.* EXCEPT (active),
    bitmapAndCardinality(newcomers.new, groups.active) AS new_users, -- for new_users
    bitmapCardinality(groups.active) AS active_users
FROM (
    SELECT
        roundDown(moment, {spans:Array(UInt32)}) AS span,
        toUInt64(roundDown(moment, {edges:Array(UInt32)})) AS start,
        if({by_bot:Bool}, bot_id, 0) AS bot,
        if({by_chat_type:Bool}, toString(chat_type), '') AS chat,
        if({by_language:Bool}, toString(language), '') AS tongue,
        if({by_model:Bool}, toString(model), '') AS answerer,
        if({by_model_asked:Bool}, toString(model_asked), '') AS asked,
        toString(source) AS origin, -- for by_source
        person AS person_key, -- for by_person
        dialog AS talk, -- for by_dialog
        toString(status) AS ending, -- for by_status
        toString(cause) AS why, -- for by_cause
        toString(fallback_cause) AS handed_for, -- for by_fallback_cause
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
        quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(ttft) AS ttft,
        groupBitmapMerge(reached) AS reached_users,
        groupBitmapMerge(served) AS served_users,
        groupBitmapMergeState(active) AS active
    FROM (
        SELECT
            transform(
                day, {whole_days:Array(Date)}, {midnights:Array(UInt32)}, toUInt32(0)
            ) AS moment,
            bot_id, chat_type, language, model, model_asked,
            '' AS source, -- for by_source
            toUInt32(0) AS person, -- for by_person
            '' AS dialog, -- for by_dialog
            '' AS status, -- for by_status
            '' AS cause, -- for by_cause
            '' AS fallback_cause, -- for by_fallback_cause
            -- metrics.toml: names
            user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
            abandoned, edited_questions, command_turns, uncounted_turns, prompt_tokens,
            completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced, fallbacks,
            fallback_wait_ms, fallback_cost_usd, answer_parts, flood_waits, flood_wait_ms,
            pacing_wait_ms, priced, generation_ms, generated_tokens, user_chars, answer_chars,
            -- metrics.toml ends
            latency, ttft, reached, served, active
        FROM daily
        PREWHERE (day, version) IN {days:Array(Tuple(Date, UInt64))}
        UNION ALL
        SELECT
            toUnixTimestamp(bucket) AS moment,
            bot_id, chat_type, language, model, model_asked,
            source, -- for by_source
            person, -- for by_person
            dialog, -- for by_dialog
            status, -- for by_status
            cause, -- for by_cause
            fallback_cause, -- for by_fallback_cause
            -- metrics.toml: names
            user_messages, turns, served_turns, answers, incomplete, failed, rejected, cancelled,
            abandoned, edited_questions, command_turns, uncounted_turns, prompt_tokens,
            completion_tokens, cached_tokens, reasoning_tokens, cost_usd, unpriced, fallbacks,
            fallback_wait_ms, fallback_cost_usd, answer_parts, flood_waits, flood_wait_ms,
            pacing_wait_ms, priced, generation_ms, generated_tokens, user_chars, answer_chars,
            -- metrics.toml ends
            latency, ttft, reached, served, active
        FROM activity
        PREWHERE true -- for tiers
        WHERE true -- for ledger
          AND bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
          AND (day, version) IN {quarters:Array(Tuple(Date, UInt64))}
    )
    WHERE true
      AND (empty({bot_is:Array(Int64)}) OR has({bot_is:Array(Int64)}, bot_id)) -- for bot_is
      AND NOT has({bot_is_not:Array(Int64)}, bot_id) -- for bot_is_not
      AND (empty({chat_type_is:Array(String)}) OR has({chat_type_is:Array(String)}, chat_type)) -- for chat_type_is
      AND NOT has({chat_type_is_not:Array(String)}, chat_type) -- for chat_type_is_not
      AND arrayExists(part -> position(chat_type, part) > 0, {chat_type_contains:Array(String)}) -- for chat_type_contains
      AND NOT arrayExists(part -> position(chat_type, part) > 0, {chat_type_contains_not:Array(String)}) -- for chat_type_contains_not
      AND (empty({language_is:Array(String)}) OR has({language_is:Array(String)}, language)) -- for language_is
      AND NOT has({language_is_not:Array(String)}, language) -- for language_is_not
      AND arrayExists(part -> position(language, part) > 0, {language_contains:Array(String)}) -- for language_contains
      AND NOT arrayExists(part -> position(language, part) > 0, {language_contains_not:Array(String)}) -- for language_contains_not
      AND (empty({model_is:Array(String)}) OR has({model_is:Array(String)}, model)) -- for model_is
      AND NOT has({model_is_not:Array(String)}, model) -- for model_is_not
      AND arrayExists(part -> position(model, part) > 0, {model_contains:Array(String)}) -- for model_contains
      AND NOT arrayExists(part -> position(model, part) > 0, {model_contains_not:Array(String)}) -- for model_contains_not
      AND (empty({model_asked_is:Array(String)}) OR has({model_asked_is:Array(String)}, model_asked)) -- for model_asked_is
      AND NOT has({model_asked_is_not:Array(String)}, model_asked) -- for model_asked_is_not
      AND arrayExists(part -> position(model_asked, part) > 0, {model_asked_contains:Array(String)}) -- for model_asked_contains
      AND NOT arrayExists(part -> position(model_asked, part) > 0, {model_asked_contains_not:Array(String)}) -- for model_asked_contains_not
    GROUP BY GROUPING SETS ((span), (
        span, start, bot, chat, tongue, answerer, asked
        , origin -- for by_source
        , person_key -- for by_person
        , talk -- for by_dialog
        , ending -- for by_status
        , why -- for by_cause
        , handed_for -- for by_fallback_cause
    ))
    LIMIT {limit:UInt32}
) AS groups
-- from new_users
LEFT JOIN (
    SELECT
        roundDown(toUnixTimestamp(bucket), {spans:Array(UInt32)}) AS span,
        toUInt64(roundDown(toUnixTimestamp(bucket), {edges:Array(UInt32)})) AS start,
        if({by_bot:Bool}, bot_id, 0) AS bot,
        groupBitmapMergeState(new) AS new
    FROM new_users
    PREWHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND ((day, version) IN {days:Array(Tuple(Date, UInt64))}
           OR (day, version) IN {quarters:Array(Tuple(Date, UInt64))})
    WHERE true
      AND (empty({bot_is:Array(Int64)}) OR has({bot_is:Array(Int64)}, bot_id)) -- for bot_is
      AND NOT has({bot_is_not:Array(Int64)}, bot_id) -- for bot_is_not
    GROUP BY GROUPING SETS ((span), (span, start, bot))
) AS newcomers
    ON newcomers.span = groups.span AND newcomers.start = groups.start AND newcomers.bot = groups.bot
