-- A row: a stored person whom PostgreSQL does not have so, removed before they are copied again.
ALTER TABLE {table:Identifier} /* ON CLUSTER */ DELETE
WHERE epoch = {epoch:UInt32} AND has({keys:Array(String)}, toString(user_key))
SETTINGS mutations_sync = 2
