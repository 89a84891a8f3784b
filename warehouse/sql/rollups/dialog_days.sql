-- A row: one dialog's day, in this build. `latest` is what the day's newest turn says: the one with
-- the greatest moment and, in one moment, id. It is looked for as one text by one number, which
-- takes a third of the time that tuples take. No text of the ledger holds a zero byte.
-- In an incremental build rows with new turns; untouched_rows.sql copies the others.
INSERT INTO dialog_days (
    day, version, bot_id, dialog_id, people, sums, cost_usd, first_at, last_at, latest
)
-- incremental
SELECT
    day,
    version,
    bot_id,
    dialog_id,
    arraySort(groupUniqArrayArray(parts.people)) AS people,
    sumForEach(parts.sums) AS sums,
    sum(parts.cost_usd) AS cost_usd,
    min(parts.first_at) AS first_at,
    max(parts.last_at) AS last_at,
    -- Never of two turns in one moment, see tied_dialogs.sql.
    argMax(parts.latest, parts.last_at) AS latest
FROM (
-- ends
    SELECT
        toDate(intDiv(toUnixTimestamp(t.received_at) + transform(
            roundDown(toUnixTimestamp(t.received_at), {changes:Array(UInt32)}),
            {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
        ), 86400)) AS day,
        {version:UInt64} AS version,
        t.bot_id AS bot_id,
        t.dialog_id AS dialog_id,
        arraySort(groupUniqArrayIf(t.user_key, t.is_person)) AS people,
        -- metrics.toml: sums of dialogs
        [
            count(),
            sum(toUInt64(t.user_messages)),
            countIf(t.status = 'answered'),
            sum(toUInt64(ifNull(t.prompt_tokens, 0))),
            sum(toUInt64(ifNull(t.completion_tokens, 0))),
            countIf(t.unpriced_calls > 0),
            countIf(isNotNull(t.cost_usd))
        ] AS sums,
        -- metrics.toml ends
        sum(ifNull(t.cost_usd, toDecimal64(0, 10))) AS cost_usd,
        min(t.received_at) AS first_at,
        max(t.received_at) AS last_at,
        splitByChar('\0', argMax(
            concat(
                toString(t.user_key), '\0', t.chat_type, '\0', ifNull(t.language, ''), '\0',
                t.status, '\0', coalesce(t.model_used, t.model_asked, '')
            ),
            bitShiftLeft(toUInt256(toUnixTimestamp64Micro(t.received_at)), 128) + toUInt128(t.id)
        )) AS latest
    FROM turns AS t FINAL
    -- incremental
    PREWHERE t.version >= {changed_since:UInt64}
    -- ends
    WHERE t.epoch = {epoch:UInt32}
        AND toDate(t.received_at) IN {utc_days:Array(Date)}
        AND t.received_at >= {since:DateTime64(6, 'UTC')}
        AND t.received_at < {until:DateTime64(6, 'UTC')}
        AND day IN {days:Array(Date)}
    GROUP BY day, bot_id, dialog_id
    -- incremental
    UNION ALL
    SELECT
        day, {version:UInt64} AS version, bot_id, dialog_id,
        people, sums, cost_usd, first_at, last_at, latest
    FROM dialog_days AS built
    -- Named with its table: `version` alone is that of this build.
    WHERE built.day IN {days:Array(Date)}
        AND (built.day, built.version) IN (
            SELECT day, version FROM builds_at(snapshot = {base:UInt64})
        )
        AND built.dialog_id IN (
            SELECT dialog_id FROM turns
            WHERE epoch = {epoch:UInt32} AND version >= {changed_since:UInt64}
                AND toDate(received_at) IN {utc_days:Array(Date)}
        )
) AS parts
GROUP BY day, version, bot_id, dialog_id
-- ends
