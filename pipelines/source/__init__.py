"""PostgreSQL as replication reads it."""
