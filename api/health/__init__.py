"""Health, readiness and metrics of this process."""
