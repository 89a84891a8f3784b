-- One row: how many turns each bot, chat type, language, model and cause had in [since, until), and
-- how many people came by each source before its end. Whole days come from the daily tier, the
-- quarters of an hour around them from the finest.
SELECT
    sumMap(map(bot_id, turns)) AS bots,
    sumMap(map(toString(chat_type), turns)) AS chat_types,
    sumMap(map(toString(language), turns)) AS languages,
    sumMap(map(toString(model), turns)) AS models,
    sumMap(reasons) AS causes,
    sumMap(fallback_causes) AS fallback_causes,
    (
        SELECT sumMap(map(source, people))
        FROM (
            SELECT source, groupBitmapMerge(new) AS people
            FROM new_users
            WHERE bucket < {until:DateTime('UTC')}
              AND (day, version) IN {builds:Array(Tuple(Date, UInt64))}
            GROUP BY source
        )
    ) AS sources
FROM (
    SELECT bot_id, chat_type, language, model, turns, reasons, fallback_causes
    FROM daily
    WHERE (day, version) IN {days:Array(Tuple(Date, UInt64))}
    UNION ALL
    SELECT bot_id, chat_type, language, model, turns, reasons, fallback_causes
    FROM activity
    WHERE bucket >= {since:DateTime('UTC')} AND bucket < {until:DateTime('UTC')}
      AND (day, version) IN {quarters:Array(Tuple(Date, UInt64))}
)
