-- A row: one group of a query, from quarters of an hour. Dimensions not asked for are one group.
-- `edges` are the buckets' starts as runs (start, step, count), in seconds of UTC.
WITH
    arrayFlatten(arrayMap(
        run -> range(run.1, run.1 + run.2 * run.3, run.2),
        {edges:Array(Tuple(UInt32, UInt32, UInt32))}
    )) AS edges
SELECT
    groups.* EXCEPT (active),
    bitmapCardinality(groups.active) AS active_users,
    bitmapAndCardinality(newcomers.new, groups.active) AS new_users
FROM (
    SELECT
        if({by_time:Bool}, roundDown(toUnixTimestamp(bucket), edges), 0) AS start,
        if({by_bot:Bool}, bot_id, 0) AS bot,
        if({by_chat_type:Bool}, toString(chat_type), '') AS chat,
        if({by_language:Bool}, toString(language), '') AS tongue,
        if({by_model:Bool}, toString(model), '') AS answerer,
        if({by_model_asked:Bool}, toString(model_asked), '') AS asked,
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
    FROM activity
    WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
      AND (empty({bot_is:Array(Int64)}) OR has({bot_is:Array(Int64)}, bot_id))
      AND NOT has({bot_is_not:Array(Int64)}, bot_id)
      AND (empty({chat_type_is:Array(String)}) OR has({chat_type_is:Array(String)}, chat_type))
      AND NOT has({chat_type_is_not:Array(String)}, chat_type)
      AND (empty({chat_type_contains:Array(String)})
           OR arrayExists(part -> position(chat_type, part) > 0, {chat_type_contains:Array(String)}))
      AND NOT arrayExists(part -> position(chat_type, part) > 0, {chat_type_contains_not:Array(String)})
      AND (empty({language_is:Array(String)}) OR has({language_is:Array(String)}, language))
      AND NOT has({language_is_not:Array(String)}, language)
      AND (empty({language_contains:Array(String)})
           OR arrayExists(part -> position(language, part) > 0, {language_contains:Array(String)}))
      AND NOT arrayExists(part -> position(language, part) > 0, {language_contains_not:Array(String)})
      AND (empty({model_is:Array(String)}) OR has({model_is:Array(String)}, model))
      AND NOT has({model_is_not:Array(String)}, model)
      AND (empty({model_contains:Array(String)})
           OR arrayExists(part -> position(model, part) > 0, {model_contains:Array(String)}))
      AND NOT arrayExists(part -> position(model, part) > 0, {model_contains_not:Array(String)})
      AND (empty({model_asked_is:Array(String)})
           OR has({model_asked_is:Array(String)}, model_asked))
      AND NOT has({model_asked_is_not:Array(String)}, model_asked)
      AND (empty({model_asked_contains:Array(String)})
           OR arrayExists(part -> position(model_asked, part) > 0,
                          {model_asked_contains:Array(String)}))
      AND NOT arrayExists(part -> position(model_asked, part) > 0,
                          {model_asked_contains_not:Array(String)})
    GROUP BY start, bot, chat, tongue, answerer, asked
    LIMIT {limit:UInt32}
) AS groups
LEFT JOIN (
    SELECT
        if({by_time:Bool}, roundDown(toUnixTimestamp(bucket), edges), 0) AS start,
        if({by_bot:Bool}, bot_id, 0) AS bot,
        groupBitmapMergeState(new) AS new
    FROM new_users
    WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
      AND (empty({bot_is:Array(Int64)}) OR has({bot_is:Array(Int64)}, bot_id))
      AND NOT has({bot_is_not:Array(Int64)}, bot_id)
    GROUP BY start, bot
) AS newcomers ON newcomers.start = groups.start AND newcomers.bot = groups.bot
