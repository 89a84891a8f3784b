-- A row: one source and how far its people came whose first turn lies in [since, until).
-- Days are those of the report zone; a day is awaited until `today` has passed it. Under filters:
-- of the people who began, those whom the filters find active in [since, until).
WITH
    (
        SELECT groupBitmapMergeState(active)
        FROM activity
        WHERE {is_filtered:Bool}
          AND bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
          AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
          AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
          AND ({chat_type:Nullable(String)} IS NULL OR chat_type = {chat_type:Nullable(String)})
          AND ({language:Nullable(String)} IS NULL OR language = {language:Nullable(String)})
          AND ({model:Nullable(String)} IS NULL OR model = {model:Nullable(String)})
    ) AS seen,
    newcomers AS (
        SELECT
            day AS first_day,
            source,
            arrayJoin(bitmapToArray(if({is_filtered:Bool}, bitmapAnd(new, seen), new))) AS user_key
        FROM new_users
        WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
          AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
          AND ({bot_id:Nullable(Int64)} IS NULL OR bot_id = {bot_id:Nullable(Int64)})
          AND bot_id IN {bot_is:Array(Int64)} -- for bot_is
          AND bot_id NOT IN {bot_is_not:Array(Int64)} -- for bot_is_not
    )
SELECT
    source,
    count() AS started,
    countIf(turns >= 3) AS activated,
    countIf(first_day + 1 < {today:Date}) AS day_1_eligible,
    countIf(first_day + 1 < {today:Date} AND has(active_days, first_day + 1)) AS day_1,
    countIf(first_day + 7 < {today:Date}) AS day_7_eligible,
    countIf(first_day + 7 < {today:Date} AND has(active_days, first_day + 7)) AS day_7,
    countIf(first_day + 30 < {today:Date}) AS day_30_eligible,
    countIf(first_day + 30 < {today:Date} AND has(active_days, first_day + 30)) AS day_30,
    sum(turns) AS all_turns,
    sum(cost_usd) AS cost_usd,
    sum(unpriced) AS unpriced,
    sum(priced) AS priced
FROM (
    SELECT
        newcomers.user_key AS user_key,
        any(newcomers.source) AS source,
        any(newcomers.first_day) AS first_day,
        sum(user_days.turns) AS turns,
        sum(user_days.cost_usd) AS cost_usd,
        sum(user_days.unpriced) AS unpriced,
        sum(user_days.priced) AS priced,
        groupUniqArrayIf(
            user_days.day, user_days.day - newcomers.first_day IN (1, 7, 30)
        ) AS active_days
    FROM user_days
    INNER JOIN newcomers ON newcomers.user_key = user_days.user_key
    WHERE (user_days.day, user_days.version) IN {builds:Array(Tuple(Date, UInt64))}
      AND user_days.is_person
      AND ({bot_id:Nullable(Int64)} IS NULL OR user_days.bot_id = {bot_id:Nullable(Int64)})
      AND user_days.bot_id IN {bot_is:Array(Int64)} -- for bot_is
      AND user_days.bot_id NOT IN {bot_is_not:Array(Int64)} -- for bot_is_not
    GROUP BY user_key
)
GROUP BY source
ORDER BY started DESC, source
