"""Services: bot, API and pipelines as Prometheus sees them."""

from __future__ import annotations

from dashboards.grafana.panels import Panel


def _p95(metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile(0.95, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))"


def _rate(metric: str, by: str, *, labels: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{labels}[$__rate_interval]))"


PANELS = (
    Panel(
        section="Processes",
        title="Up",
        description="Whether Prometheus reaches each process.",
        look="states",
        unit="none",
        names={"0": ("down", "red"), "1": ("up", "green")},
        runbook="ServiceDown",
        expressions={"{{job}} {{instance}}": "up"},
        width=8,
    ),
    Panel(
        title="Memory",
        description="Resident memory of each process.",
        look="lines",
        unit="bytes",
        expressions={"{{job}}": "process_resident_memory_bytes"},
        width=8,
    ),
    Panel(
        title="Processor time",
        description="Processors that each process keeps busy.",
        look="lines",
        unit="suffix: CPU",
        expressions={"{{job}}": "rate(process_cpu_seconds_total[$__rate_interval])"},
        width=8,
    ),
    Panel(
        section="Bot",
        title="Inbox",
        description="Updates stored and not settled, and the age of the oldest.",
        look="lines",
        unit="short",
        units={"oldest": "s"},
        runbook="InboxOld",
        expressions={"updates": "bot_inbox_depth", "oldest": "bot_inbox_oldest_seconds"},
    ),
    Panel(
        title="Messages",
        description="Messages received and sent, per second.",
        look="lines",
        unit="mps",
        expressions={
            "received": "rate(telegram_messages_received_total[$__rate_interval])",
            "sent": "rate(telegram_messages_sent_total[$__rate_interval])",
        },
    ),
    Panel(
        title="Model requests and errors",
        description="Per model and kind of error.",
        look="lines",
        unit="reqps",
        runbook="ModelErrors",
        expressions={
            "{{model}}": _rate("llm_requests_total", "model"),
            "{{model}} {{error_type}}": _rate("llm_errors_total", "model, error_type"),
        },
    ),
    Panel(
        title="Model time, p95",
        description="Whole request and first token, per model.",
        look="lines",
        unit="s",
        expressions={
            "{{model}} request": _p95("llm_request_duration_seconds", "model"),
            "{{model}} first token": _p95("llm_time_to_first_token_seconds", "model"),
        },
    ),
    Panel(
        title="Telegram's limits and failures",
        description="Seconds per second that sends waited; failed requests by cause.",
        look="lines",
        unit="reqps",
        units={"waited": "suffix: s/s"},
        runbook="FloodWaits",
        expressions={
            "waited": "rate(telegram_flood_wait_seconds_total[$__rate_interval])",
            "{{cause}}": _rate("telegram_send_failures_total", "cause"),
        },
    ),
    Panel(
        title="Turns",
        description="Finished turns by status, and duplicates of updates that were dropped.",
        look="lines",
        unit="cps",
        expressions={
            "{{status}}": _rate("bot_turns_finished_total", "status"),
            "duplicates": "rate(bot_duplicate_updates_dropped_total[$__rate_interval])",
        },
    ),
    Panel(
        section="API",
        title="API requests",
        description="Requests by class of status.",
        look="stacked",
        unit="reqps",
        # Rates are no amounts: their sum says nothing.
        calcs=("mean", "max"),
        runbook="ApiErrors",
        expressions={"{{status}}": _rate("http_requests_total", "status", labels='{job="api"}')},
    ),
    Panel(
        title="API time, p95",
        description="By route.",
        look="lines",
        unit="s",
        runbook="ApiSlow",
        expressions={"{{handler}}": _p95("http_request_duration_seconds", "handler")},
    ),
    Panel(
        title="Queries of the API, p95",
        description="By named statement, PostgreSQL and ClickHouse.",
        look="lines",
        unit="s",
        expressions={"{{query_name}}": _p95("database_query_duration_seconds", "query_name")},
    ),
    Panel(
        title="Connection pools",
        description="Connections in use by the bot, and free for the API.",
        look="lines",
        unit="none",
        runbook="PoolNearlyUsedUp",
        expressions={
            "bot in use": 'bot_database_pool_connections{state="in_use"}',
            "API free": "database_connection_pool_available",
        },
    ),
    Panel(
        section="Pipelines",
        title="Replication",
        description="Lag of replication and age of the published numbers.",
        look="lines",
        unit="s",
        runbook="ReplicationLag",
        expressions={
            "lag": "pipeline_replication_lag_seconds",
            "age": "pipeline_data_age_seconds",
        },
    ),
    Panel(
        title="Runs of Dagster",
        description="Runs kept in Dagster's storage by job and state.",
        look="lines",
        unit="short",
        expressions={"{{job_name}} {{status}}": "dagster_runs"},
    ),
    Panel(
        title="Sensors and schedules",
        description="Seconds since the last evaluation of each.",
        look="lines",
        unit="s",
        runbook="DagsterTickFailed",
        expressions={"{{name}}": "time() - dagster_last_tick_timestamp_seconds"},
    ),
    Panel(
        title="Checks and reconciliation",
        description="Checks that fail now, days withheld, days that differ from PostgreSQL.",
        look="lines",
        unit="none",
        page="/quality",
        runbook="CheckFailed",
        expressions={
            "failing checks": "sum(pipeline_failing_checks)",
            "withheld": "pipeline_days_withheld",
            "different": "pipeline_days_different",
        },
    ),
    Panel(
        title="Free disk",
        description="Part of the disk of the data directory that is free.",
        look="lines",
        unit="percentunit",
        runbook="DiskNearlyFull",
        expressions={"data": "pipeline_disk_free_ratio"},
    ),
)
