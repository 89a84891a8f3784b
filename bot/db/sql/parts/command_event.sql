-- A command becomes an event: of `person`, in the update `settled`.
INSERT INTO user_events (
    id, bot_id, user_key, occurred_at, chat_type, language, kind, name, is_counted
)
SELECT CAST(md5(concat_ws('/', settled.bot_id, settled.update_id, 'command')) AS uuid),
       settled.bot_id, person.key, settled.received_at, CAST(:chat_type AS text), person.language,
       'command', CAST(:command AS text),
       person.is_person
       AND is_counted(person.key, CAST(:counts_people AS boolean), CAST(:counts_earlier_people AS boolean))
