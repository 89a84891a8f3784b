"""Dagster's processes: home, storage, page, metrics, shutdown."""
