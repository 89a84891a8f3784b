"""The ClickHouse HTTP protocol over chDB, so that every client speaks to it as to a real server."""
