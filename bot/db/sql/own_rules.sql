-- One row per rule about a person, for /export.
SELECT kind, until, daily_messages, monthly_messages, daily_usd, monthly_usd, models, reason, set_at
FROM access_rules
WHERE subject = 'person' AND subject_hmac = CAST(:telegram_hmac AS bytea)
ORDER BY id
