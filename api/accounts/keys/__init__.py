"""API keys for scripts and Grafana."""
