-- A row: a day whose quarters of an hour do not add up to its ledger.
SELECT
    ledger.day AS day,
    toString(rollup.totals) AS observed,
    toString(ledger.totals) AS expected
FROM (
    SELECT
        toDate(intDiv(toUnixTimestamp(t.received_at) + transform(
            roundDown(toUnixTimestamp(t.received_at), {changes:Array(UInt32)}),
            {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
        ), 86400)) AS day,
        tuple(
            count(), sum(toUInt64(t.user_messages)), countIf(t.status = 'answered'),
            sum(toUInt64(ifNull(t.prompt_tokens, 0) + ifNull(t.completion_tokens, 0))),
            sum(ifNull(t.cost_usd, toDecimal64(0, 10))), uniqExactIf(t.user_key, t.is_person)
        ) AS totals
    FROM turns AS t FINAL
    WHERE t.epoch = {epoch:UInt32}
        AND toDate(t.received_at) IN {utc_days:Array(Date)}
        AND t.received_at >= {since:DateTime64(6, 'UTC')}
        AND t.received_at < {until:DateTime64(6, 'UTC')}
        AND day IN {days:Array(Date)}
    GROUP BY day
) AS ledger
FULL OUTER JOIN (
    SELECT
        a.day AS day,
        tuple(
            sum(a.turns), sum(a.user_messages), sum(a.answers),
            sum(a.prompt_tokens + a.completion_tokens), sum(a.cost_usd),
            groupBitmapMerge(a.active)
        ) AS totals
    FROM activity AS a
    WHERE a.version = {version:UInt64} AND a.day IN {days:Array(Date)}
    GROUP BY day
) AS rollup ON rollup.day = ledger.day
WHERE ledger.totals != rollup.totals
