-- A row: the sessions that begin in one bucket of [since, until), or with `start` 0 in all of it.
-- A session is turns of a person with a bot, each less than `pause` seconds after the one before; `open`
-- are those that may go on beyond `read_until`. Under filters only the turns that they let pass count.
WITH
    moments AS (
        SELECT arraySort(groupArray(toUnixTimestamp64Micro(t.received_at))) AS asked
        FROM turns AS t FINAL
        -- Filtered before FINAL chooses the newest state of a turn: all states have the same time.
        PREWHERE t.received_at
                >= toDateTime64({since:DateTime('UTC')}, 6, 'UTC') - toIntervalSecond({pause:UInt32})
          AND t.received_at < toDateTime64({read_until:DateTime('UTC')}, 6, 'UTC')
        WHERE t.epoch = {epoch:UInt32} AND t.version < {watermark:UInt64}
          AND t.is_person
          AND NOT arrayExists(
              held -> toUnixTimestamp(t.received_at) >= held.1
                  AND toUnixTimestamp(t.received_at) < held.2 AND t.version >= held.3,
              {rows_excluded:Array(Tuple(Int64, Int64, UInt64))}
          )
          AND ({bot_id:Nullable(Int64)} IS NULL OR t.bot_id = {bot_id:Nullable(Int64)})
          AND ({chat_type:Nullable(String)} IS NULL OR t.chat_type = {chat_type:Nullable(String)})
          AND ({language:Nullable(String)} IS NULL
               OR ifNull(t.language, '') = {language:Nullable(String)})
          AND ({model:Nullable(String)} IS NULL
               OR coalesce(t.model_used, t.model_asked, '') = {model:Nullable(String)})
          -- metrics.toml: conditions on turns
          AND t.bot_id IN {bot_is:Array(Int64)} -- for bot_is
          AND t.bot_id NOT IN {bot_is_not:Array(Int64)} -- for bot_is_not
          AND t.chat_type IN {chat_type_is:Array(String)} -- for chat_type_is
          AND t.chat_type NOT IN {chat_type_is_not:Array(String)} -- for chat_type_is_not
          AND arrayExists(part -> position(t.chat_type, part) > 0, {chat_type_contains:Array(String)}) -- for chat_type_contains
          AND NOT arrayExists(part -> position(t.chat_type, part) > 0, {chat_type_contains_not:Array(String)}) -- for chat_type_contains_not
          AND ifNull(t.language, '') IN {language_is:Array(String)} -- for language_is
          AND ifNull(t.language, '') NOT IN {language_is_not:Array(String)} -- for language_is_not
          AND arrayExists(part -> position(ifNull(t.language, ''), part) > 0, {language_contains:Array(String)}) -- for language_contains
          AND NOT arrayExists(part -> position(ifNull(t.language, ''), part) > 0, {language_contains_not:Array(String)}) -- for language_contains_not
          AND coalesce(t.model_used, t.model_asked, '') IN {model_is:Array(String)} -- for model_is
          AND coalesce(t.model_used, t.model_asked, '') NOT IN {model_is_not:Array(String)} -- for model_is_not
          AND arrayExists(part -> position(coalesce(t.model_used, t.model_asked, ''), part) > 0, {model_contains:Array(String)}) -- for model_contains
          AND NOT arrayExists(part -> position(coalesce(t.model_used, t.model_asked, ''), part) > 0, {model_contains_not:Array(String)}) -- for model_contains_not
          AND ifNull(t.model_asked, '') IN {model_asked_is:Array(String)} -- for model_asked_is
          AND ifNull(t.model_asked, '') NOT IN {model_asked_is_not:Array(String)} -- for model_asked_is_not
          AND arrayExists(part -> position(ifNull(t.model_asked, ''), part) > 0, {model_asked_contains:Array(String)}) -- for model_asked_contains
          AND NOT arrayExists(part -> position(ifNull(t.model_asked, ''), part) > 0, {model_asked_contains_not:Array(String)}) -- for model_asked_contains_not
          AND ifNull(t.source, '') IN {source_is:Array(String)} -- for source_is
          AND ifNull(t.source, '') NOT IN {source_is_not:Array(String)} -- for source_is_not
          AND arrayExists(part -> position(ifNull(t.source, ''), part) > 0, {source_contains:Array(String)}) -- for source_contains
          AND NOT arrayExists(part -> position(ifNull(t.source, ''), part) > 0, {source_contains_not:Array(String)}) -- for source_contains_not
          AND t.user_key IN {person_is:Array(UInt32)} -- for person_is
          AND t.user_key NOT IN {person_is_not:Array(UInt32)} -- for person_is_not
          AND t.dialog_id IN {dialog_is:Array(UUID)} -- for dialog_is
          AND t.dialog_id NOT IN {dialog_is_not:Array(UUID)} -- for dialog_is_not
          AND t.status IN {status_is:Array(String)} -- for status_is
          AND t.status NOT IN {status_is_not:Array(String)} -- for status_is_not
          AND arrayExists(part -> position(t.status, part) > 0, {status_contains:Array(String)}) -- for status_contains
          AND NOT arrayExists(part -> position(t.status, part) > 0, {status_contains_not:Array(String)}) -- for status_contains_not
          AND ifNull(t.reason, '') IN {cause_is:Array(String)} -- for cause_is
          AND ifNull(t.reason, '') NOT IN {cause_is_not:Array(String)} -- for cause_is_not
          AND arrayExists(part -> position(ifNull(t.reason, ''), part) > 0, {cause_contains:Array(String)}) -- for cause_contains
          AND NOT arrayExists(part -> position(ifNull(t.reason, ''), part) > 0, {cause_contains_not:Array(String)}) -- for cause_contains_not
          AND ifNull(t.fallback_cause, '') IN {fallback_cause_is:Array(String)} -- for fallback_cause_is
          AND ifNull(t.fallback_cause, '') NOT IN {fallback_cause_is_not:Array(String)} -- for fallback_cause_is_not
          AND arrayExists(part -> position(ifNull(t.fallback_cause, ''), part) > 0, {fallback_cause_contains:Array(String)}) -- for fallback_cause_contains
          AND NOT arrayExists(part -> position(ifNull(t.fallback_cause, ''), part) > 0, {fallback_cause_contains_not:Array(String)}) -- for fallback_cause_contains_not
          -- metrics.toml ends
        GROUP BY t.user_key, t.bot_id
    ),
    split AS (
        SELECT arrayJoin(arraySplit(
            (_, gap) -> gap >= toInt64({pause:UInt32}) * 1000000, asked, arrayDifference(asked)
        )) AS session
        FROM moments
    )
SELECT
    toUInt64(roundDown(toUInt32(intDiv(session[1], 1000000)), {edges:Array(UInt32)})) AS start,
    count() AS sessions,
    sum(length(session)) AS turns,
    quantileExactInclusive(0.5)(session[-1] - session[1]) / 1000 AS length_p50_ms,
    countIf(
        session[-1] >= (toUnixTimestamp({read_until:DateTime('UTC')}) - {pause:UInt32}) * 1000000
    ) AS open
FROM split
WHERE session[1] >= toUnixTimestamp({since:DateTime('UTC')}) * 1000000
  AND session[1] < toUnixTimestamp({until:DateTime('UTC')}) * 1000000
GROUP BY GROUPING SETS ((), (start))
