-- A row: a stored event that differs from PostgreSQL, removed before it is copied again.
ALTER TABLE {table:Identifier} /* ON CLUSTER */ DELETE
WHERE epoch = {epoch:UInt32} AND has({keys:Array(String)}, toString(id))
SETTINGS mutations_sync = 2
