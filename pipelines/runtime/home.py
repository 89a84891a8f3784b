"""Writes Dagster's configuration, and says how each of its processes is started."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from common.errors import SettingError
from common.log import writes_json
from common.settings import RuntimeSettings, load
from pipelines.settings import DagsterSettings

DATABASE = "DAGSTER_DATABASE_URL"
PROCESSES = ("code-server", "webserver", "daemon")


def instance_configuration(settings: DagsterSettings) -> dict[str, Any]:
    """dagster.yaml: state in PostgreSQL, few runs at once, old runs deleted, no telemetry."""
    return {
        "storage": {"postgres": {"postgres_url": {"env": DATABASE}}},
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
        },
        "concurrency": {
            "runs": {
                "max_concurrent_runs": 3,
                "tag_concurrency_limits": [
                    {"key": "dialytics/follows", "limit": 1},
                    {"key": "dialytics/moves_data", "limit": 1},
                    {"key": "dialytics/heavy", "limit": 1},
                ],
            }
        },
        "run_monitoring": {
            "enabled": True,
            "start_timeout_seconds": 120,
            # A run that died with the code server holds the next one up until it is looked at.
            "poll_interval_seconds": 15,
        },
        "retention": {
            "schedule": {"purge_after_days": settings.dagster_keep_days},
            "sensor": {
                "purge_after_days": {
                    "skipped": 1,
                    "failure": settings.dagster_keep_days,
                    "success": settings.dagster_keep_days,
                }
            },
        },
        # Nothing here is declared for these two daemons; they would only poll.
        "auto_materialize": {"enabled": False, "use_sensors": False},
        "freshness": {"enabled": False},
        # Output of runs is written to the code server's log.
        "compute_logs": {
            "module": "dagster.core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }


def workspace_configuration(settings: DagsterSettings) -> dict[str, Any]:
    """workspace.yaml: one code server that webserver and daemon share."""
    return {
        "load_from": [
            {
                "grpc_server": {
                    "host": settings.dagster_code_host,
                    "port": settings.dagster_code_port,
                    "location_name": "dialytics",
                }
            }
        ]
    }


def write_home(settings: DagsterSettings) -> Path:
    """Write both files. JSON is YAML.

    Raises:
        SettingError: the directory cannot be written, naming the setting that it comes from.
    """
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        for name, content in (
            ("dagster.yaml", instance_configuration(settings)),
            ("workspace.yaml", workspace_configuration(settings)),
        ):
            # Three processes write the same content; each reads a whole file.
            part = home / f".{name}.{id(content)}"
            part.write_text(json.dumps(content, indent=2), encoding="utf-8")
            part.replace(home / name)
    except OSError as error:
        name = "DAGSTER_HOME" if settings.dagster_home else "DATA_DIR"
        raise SettingError(name, f"cannot be written: {error}") from error
    return home


def command(process: str, settings: DagsterSettings) -> list[str]:
    """The command line of one of `PROCESSES`."""
    workspace = str(settings.home / "workspace.yaml")
    port = settings.dagster_code_port
    # Dagster's own lines come in the same format, with the same names of fields.
    log_format = ("--log-format", "json" if writes_json(load(RuntimeSettings)) else "colored")
    commands = {
        # One process: the code server that reloads itself would be two.
        "code-server": [
            *(
                "-m",
                "pipelines.runtime.shutdown",
                "api",
                "grpc",
                "--module-name",
                "pipelines.definitions",
            ),
            *("--host", settings.dagster_code_bind_host, "--port", str(port)),
            *("--location-name", "dialytics"),
            *log_format,
        ],
        "webserver": ["-m", "pipelines.runtime.page"],
        "daemon": [
            *("-m", "dagster._daemon", "run", "--workspace", workspace, "--log-level", "warning"),
            *log_format,
        ],
    }
    return [sys.executable, *commands[process]]


def storage_url(settings: DagsterSettings) -> str:
    """The URL as Dagster needs it: its NOTIFY has a parameter, which only psycopg2 fills in."""
    return settings.storage.sqlalchemy()


def environment(settings: DagsterSettings, inherited: dict[str, str]) -> dict[str, str]:
    """Environment of the process: its home, and less memory for threads that mostly wait."""
    return {
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        # Logged twice while the code server is down: as a record, and as plain lines.
        "PYTHONWARNINGS": "ignore::UserWarning:dagster._core.workspace.context",
        **inherited,
        "DAGSTER_HOME": str(settings.home),
        DATABASE: storage_url(settings),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        # Its daemon, which works out when schedules are due, imports nothing of ours.
        "PYTHONTZPATH": "",
    }
