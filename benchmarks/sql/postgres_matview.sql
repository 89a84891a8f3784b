-- A row: one person's day, so that distinct people stay exact for any range of days.
CREATE MATERIALIZED VIEW user_day AS
SELECT
    (received_at AT TIME ZONE 'UTC')::date AS day, user_key,
    sum(user_messages)::bigint AS messages, count(*) AS turns
FROM turns
WHERE status <> 'pending'
GROUP BY 1, 2
