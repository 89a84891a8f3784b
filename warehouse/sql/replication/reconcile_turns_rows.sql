-- A row: one turn of a differing day: its id, version and a checksum of all its columns.
WITH
    toDate(intDiv(toUnixTimestamp(t.received_at) + transform(
        roundDown(toUnixTimestamp(t.received_at), {changes:Array(UInt32)}),
        {changes:Array(UInt32)}, {offsets:Array(Int32)}, toInt32(0)
    ), 86400)) AS day
SELECT
    toString(t.id) AS id,
    t.version AS version,
    reinterpretAsUInt32(reverse(substring(MD5(concatWithSeparator('|',
        ifNull(toString(t.id), '~'),
        ifNull(toString(t.version), '~'),
        ifNull(toString(t.bot_id), '~'),
        ifNull(toString(t.user_key), '~'),
        ifNull(toString(t.dialog_id), '~'),
        ifNull(toString(t.chat_type), '~'),
        ifNull(toString(t.language), '~'),
        ifNull(toString(t.source), '~'),
        ifNull(toString(t.user_messages), '~'),
        ifNull(toString(toUnixTimestamp64Micro(t.received_at)), '~'),
        ifNull(toString(toUnixTimestamp64Micro(t.sent_at)), '~'),
        ifNull(toString(toUnixTimestamp64Micro(t.first_token_at)), '~'),
        ifNull(toString(toUnixTimestamp64Micro(t.answered_at)), '~'),
        ifNull(toString(t.status), '~'),
        ifNull(toString(t.reason), '~'),
        ifNull(toString(t.model_asked), '~'),
        ifNull(toString(t.model_used), '~'),
        ifNull(toString(t.fallback_cause), '~'),
        ifNull(toString(t.prompt_tokens), '~'),
        ifNull(toString(t.completion_tokens), '~'),
        ifNull(toString(t.cached_tokens), '~'),
        ifNull(toString(t.reasoning_tokens), '~'),
        ifNull(toString(toInt64(toDecimal128(t.cost_usd, 10) * 10000000000)), '~'),
        ifNull(toString(t.finish_reason), '~'),
        ifNull(toString(t.user_chars), '~'),
        ifNull(toString(t.answer_chars), '~'),
        ifNull(toString(t.answer_parts), '~'),
        ifNull(toString(t.flood_wait_ms), '~'),
        ifNull(toString(t.pacing_wait_ms), '~'),
        ifNull(toString(t.unpriced_calls), '~'),
        ifNull(toString(t.generation_ms), '~'),
        ifNull(toString(t.generated_tokens), '~'),
        ifNull(toString(t.fallback_wait_ms), '~'),
        ifNull(toString(toInt64(toDecimal128(t.fallback_cost_usd, 10) * 10000000000)), '~'),
        ifNull(toString(t.is_person), '~')
    )), 1, 4))) AS checksum
FROM turns AS t FINAL
WHERE t.epoch = {epoch:UInt32}
    AND toDate(t.received_at) IN {utc_days:Array(Date)}
    AND day IN {days:Array(Date)}
    AND t.id NOT IN (SELECT toUUID(arrayJoin({excluded:Array(String)})))
