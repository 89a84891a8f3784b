"""Settings of the one-machine stack that several of its tests give."""

from __future__ import annotations

PASSPHRASE = "correct horse battery staple"

PORTS = (
    "BOT_PORT",
    "API_PORT",
    "DAGSTER_PORT",
    "DAGSTER_CODE_PORT",
    "PIPELINES_METRICS_PORT",
    "CLICKHOUSE_PORT",
    "SIMULATOR_PORT",
)
