-- Run once after pg_restore into another cluster. A dump keeps the transaction ids that versions
-- are made of; the new cluster counts from its own, smaller ones, and would not replicate a row
-- from its future. Such rows become new ones; the pipelines start a new epoch by themselves.
UPDATE users SET version = pg_current_xact_id()
WHERE version >= pg_snapshot_xmin(pg_current_snapshot());
UPDATE turns SET version = pg_current_xact_id()
WHERE version >= pg_snapshot_xmin(pg_current_snapshot());
UPDATE feedback SET version = pg_current_xact_id()
WHERE version >= pg_snapshot_xmin(pg_current_snapshot());
UPDATE tombstones SET version = pg_current_xact_id()
WHERE version >= pg_snapshot_xmin(pg_current_snapshot());
