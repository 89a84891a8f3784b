-- A row: what was stored about an erased person before, removed from disk and not only hidden.
ALTER TABLE {table:Identifier} /* ON CLUSTER */ DELETE
WHERE epoch = {epoch:UInt32} AND is_deleted = 0 AND has({keys:Array(String)}, toString(user_key))
    AND version <= arrayMax({versions:Array(UInt64)})
SETTINGS mutations_sync = 2
