-- A row: events of people in [since, until) of one kind: all of them, those of one command, of one bucket
-- or of both, as the flags say. `starts` are the beginnings of the buckets in seconds of UTC.
SELECT
    e.kind AS happened,
    ifNull(e.name, '') AS command,
    roundDown(toUnixTimestamp(e.occurred_at), {starts:Array(UInt32)}) AS bucket_start,
    grouping(command) = 0 AS is_of_command,
    grouping(bucket_start) = 0 AS is_of_bucket,
    count() AS events,
    uniqExactIf(e.user_key, e.user_key != 0) AS people
FROM (
    SELECT *
    FROM user_events FINAL
    WHERE epoch = {epoch:UInt32} AND version < {watermark:UInt64}
      AND has({kinds:Array(String)}, kind)
      AND occurred_at >= toDateTime64({since:DateTime('UTC')}, 6, 'UTC')
      AND occurred_at < toDateTime64({until:DateTime('UTC')}, 6, 'UTC')
      AND NOT arrayExists(
          held -> toUnixTimestamp(occurred_at) >= held.1
              AND toUnixTimestamp(occurred_at) < held.2 AND version >= held.3,
          {rows_excluded:Array(Tuple(Int64, Int64, UInt64))}
      )
    ORDER BY version DESC
    LIMIT 1 BY id
) AS e
WHERE e.is_deleted = 0
  AND ({bot_id:Nullable(Int64)} IS NULL OR e.bot_id = {bot_id:Nullable(Int64)})
  AND ({chat_type:Nullable(String)} IS NULL OR e.chat_type = {chat_type:Nullable(String)})
  AND ({language:Nullable(String)} IS NULL
       OR ifNull(e.language, '') = {language:Nullable(String)})
  -- No event has a model.
  AND ({model:Nullable(String)} IS NULL OR '' = {model:Nullable(String)})
  -- metrics.toml: conditions on events
  AND e.bot_id IN {bot_is:Array(Int64)} -- for bot_is
  AND e.bot_id NOT IN {bot_is_not:Array(Int64)} -- for bot_is_not
  AND e.chat_type IN {chat_type_is:Array(String)} -- for chat_type_is
  AND e.chat_type NOT IN {chat_type_is_not:Array(String)} -- for chat_type_is_not
  AND arrayExists(part -> position(e.chat_type, part) > 0, {chat_type_contains:Array(String)}) -- for chat_type_contains
  AND NOT arrayExists(part -> position(e.chat_type, part) > 0, {chat_type_contains_not:Array(String)}) -- for chat_type_contains_not
  AND ifNull(e.language, '') IN {language_is:Array(String)} -- for language_is
  AND ifNull(e.language, '') NOT IN {language_is_not:Array(String)} -- for language_is_not
  AND arrayExists(part -> position(ifNull(e.language, ''), part) > 0, {language_contains:Array(String)}) -- for language_contains
  AND NOT arrayExists(part -> position(ifNull(e.language, ''), part) > 0, {language_contains_not:Array(String)}) -- for language_contains_not
  AND '' IN {model_is:Array(String)} -- for model_is
  AND '' NOT IN {model_is_not:Array(String)} -- for model_is_not
  AND arrayExists(part -> position('', part) > 0, {model_contains:Array(String)}) -- for model_contains
  AND NOT arrayExists(part -> position('', part) > 0, {model_contains_not:Array(String)}) -- for model_contains_not
  AND '' IN {model_asked_is:Array(String)} -- for model_asked_is
  AND '' NOT IN {model_asked_is_not:Array(String)} -- for model_asked_is_not
  AND arrayExists(part -> position('', part) > 0, {model_asked_contains:Array(String)}) -- for model_asked_contains
  AND NOT arrayExists(part -> position('', part) > 0, {model_asked_contains_not:Array(String)}) -- for model_asked_contains_not
  AND '' IN {source_is:Array(String)} -- for source_is
  AND '' NOT IN {source_is_not:Array(String)} -- for source_is_not
  AND arrayExists(part -> position('', part) > 0, {source_contains:Array(String)}) -- for source_contains
  AND NOT arrayExists(part -> position('', part) > 0, {source_contains_not:Array(String)}) -- for source_contains_not
  AND e.user_key IN {person_is:Array(UInt32)} -- for person_is
  AND e.user_key NOT IN {person_is_not:Array(UInt32)} -- for person_is_not
  AND toUUID('00000000-0000-0000-0000-000000000000') IN {dialog_is:Array(UUID)} -- for dialog_is
  AND toUUID('00000000-0000-0000-0000-000000000000') NOT IN {dialog_is_not:Array(UUID)} -- for dialog_is_not
  AND '' IN {status_is:Array(String)} -- for status_is
  AND '' NOT IN {status_is_not:Array(String)} -- for status_is_not
  AND arrayExists(part -> position('', part) > 0, {status_contains:Array(String)}) -- for status_contains
  AND NOT arrayExists(part -> position('', part) > 0, {status_contains_not:Array(String)}) -- for status_contains_not
  AND '' IN {cause_is:Array(String)} -- for cause_is
  AND '' NOT IN {cause_is_not:Array(String)} -- for cause_is_not
  AND arrayExists(part -> position('', part) > 0, {cause_contains:Array(String)}) -- for cause_contains
  AND NOT arrayExists(part -> position('', part) > 0, {cause_contains_not:Array(String)}) -- for cause_contains_not
  AND '' IN {fallback_cause_is:Array(String)} -- for fallback_cause_is
  AND '' NOT IN {fallback_cause_is_not:Array(String)} -- for fallback_cause_is_not
  AND arrayExists(part -> position('', part) > 0, {fallback_cause_contains:Array(String)}) -- for fallback_cause_contains
  AND NOT arrayExists(part -> position('', part) > 0, {fallback_cause_contains_not:Array(String)}) -- for fallback_cause_contains_not
  -- metrics.toml ends
GROUP BY GROUPING SETS (
    (happened), (happened, command), (happened, bucket_start), (happened, command, bucket_start)
)
ORDER BY happened, bucket_start, events DESC, command
