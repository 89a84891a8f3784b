-- A row: a rebuilt day and its turns.
SELECT day, sum(turns) AS turns
FROM daily
WHERE version = {version:UInt64} AND day IN {days:Array(Date)}
GROUP BY day
