-- One row: a turn that a stopped process left behind, with its stored answer, if any.
SELECT turn.id, turn.status, call.outcome AS call_outcome, call.first_token_at,
       call.finish_reason, answer.id AS message_id, answer.dialog_id, answer.content,
       (SELECT failed.outcome FROM llm_calls AS failed
        WHERE failed.turn_id = turn.id AND failed.model <> call.model
          AND failed.purpose = 'answer'
        ORDER BY failed.attempt DESC LIMIT 1) AS fallback_cause,
       EXISTS (SELECT FROM user_settings AS settings
               WHERE settings.user_key = turn.user_key AND settings.is_text_only) AS is_text_only,
       ARRAY(SELECT update_id FROM updates
             WHERE updates.bot_id = :bot_id AND updates.turn_id = turn.id
               AND updates.outcome IS NULL) AS update_ids
FROM turns AS turn
LEFT JOIN LATERAL (
    SELECT outcome, model, first_token_at, finish_reason FROM llm_calls WHERE llm_calls.turn_id = turn.id
    ORDER BY attempt DESC LIMIT 1
) AS call ON true
LEFT JOIN messages AS answer
       ON answer.turn_id = turn.id AND answer.role = 'assistant' AND answer.deleted_at IS NULL
WHERE turn.id = CAST(:turn_id AS uuid)
