-- A row: one model (the one that answered, else the one asked; empty: none) in [since, until).
SELECT
    model,
    sum(turns) AS turns,
    sum(answers) AS answers,
    sum(failed) AS failed,
    sum(incomplete) AS incomplete,
    sum(fallbacks) AS fallbacks,
    sum(prompt_tokens) AS prompt_tokens,
    sum(completion_tokens) AS completion_tokens,
    sum(cost_usd) AS cost_usd,
    sum(unpriced) AS unpriced,
    sum(priced) AS priced,
    sum(served_turns) AS served_turns,
    sum(generation_ms) AS generation_ms,
    sum(generated_tokens) AS generated_tokens,
    sumMap(reasons) AS reasons,
    quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(latency) AS latency,
    quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(ttft) AS ttft,
    groupBitmapMerge(active) AS active_users
FROM (
    SELECT
        model, turns, answers, failed, incomplete, fallbacks, prompt_tokens, completion_tokens,
        cost_usd, unpriced, priced, served_turns, generation_ms, generated_tokens, reasons, latency,
        ttft, active
    FROM daily
    WHERE (day, version) IN {days:Array(Tuple(Date, UInt64))}
      AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
      AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
      AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
      AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
    UNION ALL
    SELECT
        model, turns, answers, failed, incomplete, fallbacks, prompt_tokens, completion_tokens,
        cost_usd, unpriced, priced, served_turns, generation_ms, generated_tokens, reasons, latency,
        ttft, active
    FROM activity
    WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {quarters:Array(Tuple(Date, UInt64))}
      AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
      AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
      AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
      AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
)
GROUP BY model
ORDER BY turns DESC, model
LIMIT 1000
