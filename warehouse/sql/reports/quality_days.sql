-- A row: the latest comparison of one day between PostgreSQL and the warehouse.
SELECT
    day, ran_at, postgres_turns, warehouse_turns, rows_differ, postgres_tokens, warehouse_tokens,
    postgres_cost_usd, warehouse_cost_usd, postgres_users, warehouse_users, repaired, ok
FROM reconciliation
WHERE day >= {since_day:Date}
ORDER BY ran_at DESC
LIMIT 1 BY day
