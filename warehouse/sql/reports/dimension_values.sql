-- One row: how many turns each bot, chat type, language and model had in [since, until).
-- Whole days come from the daily tier, the quarters of an hour around them from the finest.
SELECT
    sumMap(map(bot_id, turns)) AS bots,
    sumMap(map(toString(chat_type), turns)) AS chat_types,
    sumMap(map(toString(language), turns)) AS languages,
    sumMap(map(toString(model), turns)) AS models
FROM (
    SELECT bot_id, chat_type, language, model, turns
    FROM daily
    WHERE (day, version) IN {days:Array(Tuple(Date, UInt64))}
    UNION ALL
    SELECT bot_id, chat_type, language, model, turns
    FROM activity
    WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {quarters:Array(Tuple(Date, UInt64))}
)
