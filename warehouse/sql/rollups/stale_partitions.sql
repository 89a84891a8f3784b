-- A row: a partition that no reader can need: none of its days is published, or its epoch is old.
WITH
    (
        -- The newest publication that a running reader may have begun with.
        SELECT publication FROM published
        WHERE day = toDate(0) AND published_at <= {before:DateTime64(3, 'UTC')}
        ORDER BY epoch DESC, watermark DESC, publication DESC LIMIT 1
    ) AS oldest,
    (
        SELECT epoch FROM published
        WHERE day = toDate(0) AND published_at <= {before:DateTime64(3, 'UTC')}
        ORDER BY epoch DESC, watermark DESC, publication DESC LIMIT 1
    ) AS oldest_epoch,
    (
        SELECT max(toDate(published_at)) FROM published
    ) AS newest_date,
    (
        SELECT min(published_at) FROM published WHERE toDate(published_at) = newest_date
    ) AS newest_date_opened
SELECT table, partition_id
FROM stored_partitions
WHERE (
        (
            table IN (
                'activity', 'daily', 'new_users', 'user_days', 'dialog_days', 'quarter_users',
                'day_users'
            )
            AND partition NOT IN (
                SELECT format('({},{})', toString(toYYYYMM(day)), toString(version)) FROM published
                WHERE isNull(oldest) OR publication >= oldest
                UNION ALL
                SELECT format('({},{})', toString(toYYYYMM(day)), toString(version))
                FROM (
                    SELECT
                        day,
                        argMax(version, tuple(epoch, watermark, publication)) AS version
                    FROM published
                    WHERE publication <= ifNull(oldest, 0)
                        AND (epoch, zone) IN (
                            SELECT epoch, zone FROM published
                            WHERE day = toDate(0) AND publication = oldest
                        )
                    GROUP BY day
                )
            )
        )
        OR table = 'first_days'
        OR (
            table IN (
                'turns', 'turns_local', 'people', 'people_local', 'feedback', 'user_events'
            )
            AND toUInt32OrZero(extract(partition, '\\d+')) < ifNull(oldest_epoch, 0)
        )
        OR (
            table = 'published'
            AND toDateOrZero(partition) < newest_date
            AND newest_date_opened <= {before:DateTime64(3, 'UTC')}
        )
    )
ORDER BY table, partition_id
LIMIT {limit:UInt32}
