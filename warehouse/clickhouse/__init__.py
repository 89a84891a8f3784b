"""Connections to ClickHouse, and its statements."""
