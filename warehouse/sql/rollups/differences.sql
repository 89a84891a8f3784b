-- A row: a rebuilt day and how many of its rows differ from the build that is published.
-- `versions` are those of both builds: only their partitions are read.
SELECT day, count() AS rows_differ
FROM (
    SELECT day, row_key
    FROM (
        SELECT
            day, version,
            cityHash64(
                'activity', bot_id, bucket, chat_type, language, model, model_asked
            ) AS row_key,
            cityHash64(
                toString(tuple(* EXCEPT (version, latency, ttft, active, reached, served))),
                toString(finalizeAggregation(latency)), toString(finalizeAggregation(ttft)),
                arraySort(bitmapToArray(active)), arraySort(bitmapToArray(reached)),
                arraySort(bitmapToArray(served))
            ) AS content
        FROM activity
        UNION ALL
        SELECT
            day, version,
            cityHash64('user_days', bot_id, user_key, is_person) AS row_key,
            cityHash64(* EXCEPT (version)) AS content
        FROM user_days
        UNION ALL
        SELECT
            day, version,
            cityHash64('dialog_days', bot_id, dialog_id) AS row_key,
            cityHash64(* EXCEPT (version)) AS content
        FROM dialog_days
        UNION ALL
        SELECT
            day, version,
            cityHash64('new_users', bot_id, bucket, source) AS row_key,
            cityHash64(arraySort(bitmapToArray(new))) AS content
        FROM new_users
        UNION ALL
        SELECT
            day, version,
            cityHash64('quarter_users', bot_id, bucket) AS row_key,
            cityHash64(
                turns, cost_usd,
                arraySort(bitmapToArray(active)), arraySort(bitmapToArray(reached)),
                arraySort(bitmapToArray(served)), arraySort(bitmapToArray(new))
            ) AS content
        FROM quarter_users
        UNION ALL
        SELECT
            day, version,
            cityHash64('day_users', bot_id) AS row_key,
            cityHash64(
                arraySort(bitmapToArray(active)), arraySort(bitmapToArray(reached)),
                arraySort(bitmapToArray(served)), arraySort(bitmapToArray(new)),
                toString(busiest), toString(newest)
            ) AS content
        FROM day_users
    )
    WHERE day IN {days:Array(Date)}
        AND version IN {versions:Array(UInt64)}
        AND (
            version = {version:UInt64}
            OR (day, version) IN (SELECT day, version FROM builds_at(snapshot = {base:UInt64}))
        )
    GROUP BY day, row_key
    HAVING count() != 2 OR min(content) != max(content)
)
GROUP BY day
