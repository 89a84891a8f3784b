-- A row: one of the named dialogs and its figures of whole days of the report zone, newest first.
-- The builds name the days, see summary_days. A dialog is one bot's.
SELECT
    toString(d.dialog_id) AS dialog,
    argMax(d.bot_id, d.last_at) AS bot,
    argMax(d.latest_user, d.last_at) AS latest_user,
    uniqExactArray(d.people) AS users,
    argMax(d.latest_chat_type, d.last_at) AS latest_chat_type,
    argMax(d.latest_language, d.last_at) AS latest_language,
    sum(d.turns) AS turns,
    sum(d.user_messages) AS messages,
    sum(d.answers) AS answers,
    sum(d.prompt_tokens + d.completion_tokens) AS tokens,
    sum(d.cost_usd) AS known_cost,
    sum(d.unpriced) AS unpriced,
    min(d.first_at) AS first_at,
    max(d.last_at) AS last_at,
    argMax(d.latest_status, d.last_at) AS latest_status,
    argMax(d.latest_model, d.last_at) AS latest_model
FROM dialog_days AS d
PREWHERE d.dialog_id IN {dialogs:Array(UUID)}
  AND (d.day, d.version) IN {builds:Array(Tuple(Date, UInt64))}
WHERE ({bot_id:Nullable(Int64)} IS NULL OR d.bot_id = {bot_id:Nullable(Int64)})
GROUP BY d.dialog_id
ORDER BY last_at DESC, dialog DESC
