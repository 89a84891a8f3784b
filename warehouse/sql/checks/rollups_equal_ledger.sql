-- A row: a published day whose rollups do not add up to the ledger they were built from.
SELECT ledger.day AS day, toString(rollup.totals) AS observed, toString(ledger.totals) AS expected
FROM (
    SELECT
        toDate(intDiv(toUnixTimestamp(t.received_at) + transform(
            roundDown(toUnixTimestamp(t.received_at), {changes:Array(UInt32)}),
            {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
        ), 86400)) AS day,
        tuple(
            count(), sum(ifNull(t.cost_usd, toDecimal64(0, 10))),
            uniqExactIf(t.user_key, t.is_person)
        ) AS totals
    FROM turns AS t FINAL
    WHERE t.epoch = {epoch:UInt32}
    GROUP BY day
) AS ledger
FULL OUTER JOIN (
    SELECT
        d.day AS day,
        tuple(sum(d.turns), sum(d.cost_usd), groupBitmapMerge(d.active)) AS totals
    FROM daily AS d
    WHERE (d.day, d.version) IN (SELECT day, version FROM builds)
    GROUP BY day
) AS rollup ON rollup.day = ledger.day
WHERE ledger.totals != rollup.totals
ORDER BY day
