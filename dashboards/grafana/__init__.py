"""Grafana's dashboards as code. Knows Grafana and the warehouse's statements, no service."""
