-- A row: one result of the latest run of one check, of a day or of a whole table.
SELECT suite, asset, name, day, blocking, passed, checked_at, observed, expected
FROM checks
WHERE checked_at >= {since:DateTime('UTC')}
  AND (suite, asset, name, run_id) IN (
      SELECT suite, asset, name, argMax(run_id, checked_at)
      FROM checks
      WHERE checked_at >= {since:DateTime('UTC')}
      GROUP BY suite, asset, name
  )
ORDER BY checked_at DESC, suite, asset, name, day
LIMIT 1000
