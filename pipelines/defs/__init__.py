"""Dagster's assets, jobs, sensors and schedules."""
