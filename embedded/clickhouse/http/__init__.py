"""ClickHouse's HTTP protocol."""
