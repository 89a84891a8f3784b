-- One row: the newest batch of replication, and the days that the publication holds.
SELECT
    batch.finished_at AS replicated_at,
    batch.replication_lag_seconds AS replication_lag_seconds,
    batch.held_by AS batch_held_by,
    sight.checked_at AS checked_at,
    sight.lag_seconds AS lag_seconds,
    sight.held_by AS held_by,
    ledger.turns AS turns,
    ledger.first_day AS first_day,
    ledger.last_day AS last_day
FROM (
    SELECT
        sum(builds.turns) AS turns,
        minIf(builds.day, builds.turns > 0) AS first_day,
        maxIf(builds.day, builds.turns > 0) AS last_day
    FROM builds_at(snapshot = {publication:UInt64}) AS builds
) AS ledger
CROSS JOIN (
    SELECT
        max(finished_at) AS finished_at,
        argMax(batches.replication_lag_seconds, batches.finished_at) AS replication_lag_seconds,
        argMax(batches.held_by, batches.finished_at) AS held_by
    FROM batches
) AS batch
CROSS JOIN (
    SELECT
        max(freshness.checked_at) AS checked_at,
        argMax(freshness.lag_seconds, freshness.checked_at) AS lag_seconds,
        argMax(freshness.held_by, freshness.checked_at) AS held_by
    FROM freshness
) AS sight
