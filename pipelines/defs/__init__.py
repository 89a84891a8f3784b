"""What Dagster runs: assets, jobs, sensors, schedules."""
