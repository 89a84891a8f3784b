-- Run once after pg_restore into another cluster. A dump keeps the transaction ids that versions
-- are made of; the new cluster counts from its own, smaller ones, and would not replicate a row
-- from its future. Such rows become new ones; the pipelines start a new epoch by themselves.
DO $$
DECLARE
    replicated text;
BEGIN
    FOREACH replicated IN ARRAY
        ARRAY['users', 'turns', 'feedback', 'user_events', 'tombstones']
    LOOP
        -- The dump of an older version lacks some.
        IF to_regclass(replicated) IS NOT NULL THEN
            EXECUTE format(
                'UPDATE %I SET version = pg_current_xact_id()'
                ' WHERE version >= pg_snapshot_xmin(pg_current_snapshot())',
                replicated
            );
        END IF;
    END LOOP;
END
$$;
