-- One row: the operators' rules that apply to a user in a chat. No row: the user was erased.
SELECT rules.*
FROM users AS person
CROSS JOIN LATERAL rules_of(
    person.telegram_hmac, CAST(:chat_hmac AS bytea), CAST(:is_admin AS boolean)
) AS rules
WHERE person.key = :user_key
