-- A row: one published day of the range, with what each tier says about it.
SELECT
    b.day AS day,
    b.withheld AS is_withheld,
    l.turns AS ledger_turns, a.turns AS activity_turns, d.turns AS daily_turns,
    u.turns AS user_days_turns,
    l.cost AS ledger_cost, a.cost AS activity_cost, d.cost AS daily_cost, u.cost AS user_days_cost,
    l.people AS ledger_people, a.people AS activity_people, s.people AS day_users_people,
    u.people AS user_days_people,
    n.people AS new_people, s.new_people AS day_users_new_people
FROM builds AS b
LEFT JOIN (
    SELECT
        toDate(intDiv(toUnixTimestamp(received_at) + transform(
            roundDown(toUnixTimestamp(received_at), {changes:Array(UInt32)}),
            {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
        ), 86400)) AS day, count() AS turns,
        toString(sum(ifNull(cost_usd, toDecimal64(0, 10)))) AS cost,
        uniqExactIf(user_key, is_person) AS people
    FROM turns FINAL
    WHERE epoch = {epoch:UInt32} AND toDate(received_at) >= {since:Date} - 1
        AND toDate(received_at) <= {until:Date} + 1
    GROUP BY day
) AS l ON l.day = b.day
LEFT JOIN (
    SELECT day, sum(turns) AS turns, toString(sum(cost_usd)) AS cost,
        groupBitmapMerge(active) AS people
    FROM activity WHERE (day, version) IN (SELECT day, version FROM builds) GROUP BY day
) AS a ON a.day = b.day
LEFT JOIN (
    SELECT day, sum(turns) AS turns, toString(sum(cost_usd)) AS cost
    FROM daily WHERE (day, version) IN (SELECT day, version FROM builds) GROUP BY day
) AS d ON d.day = b.day
LEFT JOIN (
    SELECT day, sum(turns) AS turns, toString(sum(cost_usd)) AS cost,
        uniqExactIf(user_key, is_person) AS people
    FROM user_days WHERE (day, version) IN (SELECT day, version FROM builds) GROUP BY day
) AS u ON u.day = b.day
LEFT JOIN (
    SELECT day, groupBitmapMerge(active) AS people, groupBitmapMerge(new) AS new_people
    FROM day_users WHERE (day, version) IN (SELECT day, version FROM builds) GROUP BY day
) AS s ON s.day = b.day
LEFT JOIN (
    SELECT day, groupBitmapMerge(new) AS people
    FROM new_users WHERE (day, version) IN (SELECT day, version FROM builds) GROUP BY day
) AS n ON n.day = b.day
WHERE b.day BETWEEN {since:Date} AND {until:Date}
ORDER BY b.day
