-- One row: how many turns each bot, chat type, language and model had on the days.
SELECT
    sumMap(map(bot_id, turns)) AS bots,
    sumMap(map(toString(chat_type), turns)) AS chat_types,
    sumMap(map(toString(language), turns)) AS languages,
    sumMap(map(toString(model), turns)) AS models
FROM daily
WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
  AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
