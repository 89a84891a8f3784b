-- A row: one of the named dialogs and its figures of whole days of the report zone, newest first.
-- The list of builds selects the days, see `figures`. A dialog belongs to one bot. `latest` holds
-- values of the newest turn: person, chat type, language, status, model.
SELECT
    toString(d.dialog_id) AS dialog,
    argMax(d.bot_id, d.last_at) AS bot,
    uniqExactArray(d.people) AS users,
    sum(d.turns) AS turns,
    sum(d.user_messages) AS messages,
    sum(d.answers) AS answers,
    sum(d.prompt_tokens + d.completion_tokens) AS tokens,
    sum(d.unpriced) AS unpriced,
    -- Builds by the rules of migration 0001 have no count of known costs.
    sum(if(length(d.sums) < 7, toUInt64(d.cost_usd != 0), d.priced)) AS priced,
    sum(d.cost_usd) AS known_cost,
    min(d.first_at) AS first_at,
    max(d.last_at) AS last_at,
    argMax(d.latest, d.last_at) AS newest,
    toUInt32(newest[1]) AS latest_user,
    newest[2] AS latest_chat_type,
    newest[3] AS latest_language,
    newest[4] AS latest_status,
    newest[5] AS latest_model
FROM dialog_days AS d
PREWHERE d.dialog_id IN {dialogs:Array(UUID)}
  AND (d.day, d.version) IN {builds:Array(Tuple(Date, UInt64))}
WHERE ({bot_id:Nullable(Int64)} IS NULL OR d.bot_id = {bot_id:Nullable(Int64)})
GROUP BY d.dialog_id
ORDER BY last_at DESC, dialog DESC
