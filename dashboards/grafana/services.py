"""Services: bot, API and pipelines as Prometheus sees them."""

from __future__ import annotations

from dashboards.grafana.panels import Panel, lines, stacked


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
    lines(
        title="Memory",
        description="Resident memory of each process.",
        unit="bytes",
        expressions={"{{job}}": "process_resident_memory_bytes"},
        width=8,
    ),
    lines(
        title="Processor time",
        description="Processors that each process keeps busy.",
        unit="suffix: CPU",
        expressions={"{{job}}": "rate(process_cpu_seconds_total[$__rate_interval])"},
        width=8,
    ),
    lines(
        section="Bot",
        title="Inbox",
        description="Updates stored and not settled, and the age of the oldest.",
        unit="short",
        units={"oldest": "s"},
        runbook="InboxOld",
        expressions={"updates": "bot_inbox_depth", "oldest": "bot_inbox_oldest_seconds"},
    ),
    lines(
        title="Messages",
        description="Messages received and sent, per second.",
        unit="mps",
        expressions={
            "received": "rate(telegram_messages_received_total[$__rate_interval])",
            "sent": "rate(telegram_messages_sent_total[$__rate_interval])",
        },
    ),
    lines(
        title="Model requests and errors",
        description="Per model and kind of error.",
        unit="reqps",
        runbook="ModelErrors",
        expressions={
            "{{model}}": _rate("llm_requests_total", "model"),
            "{{model}} {{error_type}}": _rate("llm_errors_total", "model, error_type"),
        },
    ),
    lines(
        title="Model time, p95",
        description="Whole request and first token, per model.",
        unit="s",
        expressions={
            "{{model}} request": _p95("llm_request_duration_seconds", "model"),
            "{{model}} first token": _p95("llm_time_to_first_token_seconds", "model"),
        },
    ),
    lines(
        title="Telegram's limits and failures",
        description="Seconds per second that sends waited; failed requests by cause.",
        unit="reqps",
        units={"waited": "suffix: s/s"},
        runbook="FloodWaits",
        expressions={
            "waited": "rate(telegram_flood_wait_seconds_total[$__rate_interval])",
            "{{cause}}": _rate("telegram_send_failures_total", "cause"),
        },
    ),
    lines(
        title="Turns",
        description="Finished turns by status, and duplicates of updates that were dropped.",
        unit="cps",
        expressions={
            "{{status}}": _rate("bot_turns_finished_total", "status"),
            "duplicates": "rate(bot_duplicate_updates_dropped_total[$__rate_interval])",
        },
    ),
    stacked(
        section="API",
        title="API requests",
        description="Requests by class of status.",
        unit="reqps",
        # Rates are no amounts: their sum says nothing.
        calcs=("mean", "max"),
        runbook="ApiErrors",
        expressions={"{{status}}": _rate("http_requests_total", "status", labels='{job="api"}')},
    ),
    lines(
        title="API time, p95",
        description="By route.",
        unit="s",
        runbook="ApiSlow",
        expressions={"{{handler}}": _p95("http_request_duration_seconds", "handler")},
    ),
    lines(
        title="Queries of the API, p95",
        description="By named statement, PostgreSQL and ClickHouse.",
        unit="s",
        expressions={"{{query_name}}": _p95("database_query_duration_seconds", "query_name")},
    ),
    lines(
        title="Connection pools",
        description="Connections in use by the bot, and free for the API.",
        unit="none",
        runbook="PoolNearlyUsedUp",
        expressions={
            "bot in use": 'bot_database_pool_connections{state="in_use"}',
            "API free": "database_connection_pool_available",
        },
    ),
    lines(
        section="Pipelines",
        title="Replication",
        description="Lag of replication and age of the published numbers.",
        unit="s",
        runbook="ReplicationLag",
        expressions={
            "lag": "pipeline_replication_lag_seconds",
            "age": "pipeline_data_age_seconds",
        },
    ),
    lines(
        title="Runs of Dagster",
        description="Runs kept in Dagster's storage by job and state.",
        unit="short",
        expressions={"{{job_name}} {{status}}": "dagster_runs"},
    ),
    lines(
        title="Sensors and schedules",
        description="Seconds since the last evaluation of each.",
        unit="s",
        runbook="DagsterTickFailed",
        expressions={"{{name}}": "time() - dagster_last_tick_timestamp_seconds"},
    ),
    lines(
        title="Checks and reconciliation",
        description="Checks that fail now, days withheld, days that differ from PostgreSQL.",
        unit="none",
        page="/quality",
        runbook="CheckFailed",
        expressions={
            "failing checks": "sum(pipeline_failing_checks)",
            "withheld": "pipeline_days_withheld",
            "different": "pipeline_days_different",
        },
    ),
    lines(
        title="Free disk",
        description="Part of the disk of the data directory that is free.",
        unit="percentunit",
        runbook="DiskNearlyFull",
        expressions={"data": "pipeline_disk_free_ratio"},
    ),
)
