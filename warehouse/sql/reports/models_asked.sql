-- A row: one model that was asked in [since, until), and how often another one was handed the turn.
SELECT
    model_asked AS asked,
    sum(served_turns) AS asked_turns,
    sum(fallbacks) AS handed_over,
    sum(fallback_wait_ms) AS fallback_wait_ms,
    sum(fallback_cost_usd) AS fallback_cost_usd,
    sumMap(fallback_causes) AS causes
FROM (
    SELECT
        model_asked, served_turns, fallbacks, fallback_wait_ms, fallback_cost_usd, fallback_causes
    FROM daily
    WHERE (day, version) IN {days:Array(Tuple(Date, UInt64))}
      AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
      AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
      AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
      AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
    UNION ALL
    SELECT
        model_asked, served_turns, fallbacks, fallback_wait_ms, fallback_cost_usd, fallback_causes
    FROM activity
    WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {quarters:Array(Tuple(Date, UInt64))}
      AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
      AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
      AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
      AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
)
GROUP BY asked
HAVING asked_turns > 0
ORDER BY asked_turns DESC, asked
LIMIT 1000
