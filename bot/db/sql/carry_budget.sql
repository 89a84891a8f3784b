-- One row per period: usage of a user who is being erased, including before earlier erasures.
INSERT INTO spent_budgets (telegram_hmac, period, period_start, messages, cost_usd)
SELECT person.telegram_hmac, given.period, given.period_start, given.messages, given.cost_usd
FROM users AS person, unnest(
    CAST(:periods AS text[]), CAST(:starts AS date[]), CAST(:messages AS integer[]),
    CAST(:costs AS numeric[])
) AS given(period, period_start, messages, cost_usd)
WHERE person.key = :user_key AND (given.messages > 0 OR given.cost_usd > 0)
ON CONFLICT (telegram_hmac, period_start, period)
DO UPDATE SET messages = excluded.messages, cost_usd = excluded.cost_usd
