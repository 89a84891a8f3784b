"""Grafana's dashboards as code. Depends on Grafana and the warehouse's SQL, on no service."""
