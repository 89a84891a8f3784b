-- One row: the turn whose answer is rated, by its id or by a message of the answer. No row: it is no
-- answer of this bot in this chat. The last verdict of a person counts; a reaction that was taken
-- back takes back no verdict given by a button.
WITH rated AS (
    SELECT turn.id, turn.dialog_id, turn.received_at, turn.is_counted
    FROM turns AS turn
    JOIN dialogs AS dialog ON dialog.id = turn.dialog_id
    WHERE turn.id = coalesce(
        CAST(:turn_id AS uuid),
        (SELECT answer.turn_id FROM sent_answers AS sent
         JOIN messages AS answer ON answer.id = sent.answer_id
         WHERE sent.message_hmac = CAST(:message_hmac AS bytea))
    )
      AND turn.bot_id = :bot_id AND dialog.chat_hmac = :chat_hmac
      AND turn.status <> 'pending' AND turn.answer_chars > 0
), given AS (
    INSERT INTO feedback AS earlier (
        id, bot_id, turn_id, dialog_id, received_at, user_key, verdict, given_by, given_at, is_counted
    )
    SELECT CAST(md5(CAST(rated.id AS text) || person.key) AS uuid), :bot_id, rated.id, rated.dialog_id,
           rated.received_at, person.key, CAST(:verdict AS smallint), CAST(:given_by AS text),
           CAST(:given_at AS timestamptz),
           rated.is_counted AND is_counted(person.key, CAST(:counts_people AS boolean), CAST(:counts_earlier_people AS boolean))
    FROM rated, users AS person
    WHERE person.key = :user_key
      AND (CAST(:verdict AS smallint) <> 0 OR EXISTS (
          SELECT FROM feedback WHERE turn_id = rated.id AND user_key = person.key
      ))
    FOR KEY SHARE OF person
    ON CONFLICT (turn_id, user_key) DO UPDATE
    SET verdict = excluded.verdict, given_by = excluded.given_by, given_at = excluded.given_at,
        is_counted = excluded.is_counted
    WHERE excluded.given_at >= earlier.given_at
      AND (excluded.verdict <> 0 OR earlier.given_by = 'reaction')
      AND (excluded.verdict, excluded.given_by) <> (earlier.verdict, earlier.given_by)
)
SELECT id AS turn_id FROM rated
