"""The programs of the stack, in start order, each with its environment and its readiness check.

Stop order is the reverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.http.listening import reached_at
from embedded import roles
from embedded.stack.plan import (
    SIMULATED_KEY,
    SIMULATED_TOKEN,
    Plan,
    bot_environment,
    pipelines_environment,
    python_command,
    simulated_addresses,
)
from embedded.stack.readiness import Probe, answers, listens, postgres_answers


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised process."""

    name: str
    title: str
    command: list[str]
    environment: Mapping[str, str]
    is_ready: Probe
    stop_signal: str = "TERM"
    stop_seconds: int = 35
    stops_as_group: bool = False
    """Whether its children are told to stop too."""
    port: tuple[str, int] | None = None
    """Setting and number of the port it listens on."""


def stores(plan: Plan) -> list[Program]:
    """The databases. They come first: migrations need them, everything else needs migrations."""
    programs = []
    if plan.postgres is not None:
        programs.append(
            Program(
                name="postgres",
                title="PostgreSQL",
                command=plan.postgres.command(),
                environment=plan.environment(),
                is_ready=postgres_answers(plan.postgres.url("postgres")),
                stop_signal="INT",
            )
        )
    if plan.has_embedded_clickhouse:
        port = plan.settings.clickhouse_port
        programs.append(
            Program(
                name="clickhouse",
                title="ClickHouse engine",
                command=python_command("embedded.clickhouse"),
                environment=plan.environment(
                    CLICKHOUSE_PORT=str(port),
                    CLICKHOUSE_BIND_HOST=plan.settings.clickhouse_bind_host,
                    CLICKHOUSE_WRITER_PASSWORD=plan.secret("clickhouse_writer_password"),
                    CLICKHOUSE_READER_PASSWORD=plan.secret("clickhouse_reader_password"),
                ),
                is_ready=answers(f"{plan.clickhouse_address}/ping"),
            )
        )
    return programs


def simulators(plan: Plan) -> list[Program]:
    if not plan.simulated:
        return []
    port = plan.settings.simulator_port
    return [
        Program(
            name="simulator",
            title="Telegram and model simulators",
            command=python_command("simulator"),
            environment=plan.environment(
                SIMULATOR_PORT=str(port),
                SIMULATOR_BIND_HOST=plan.settings.simulator_bind_host,
                TELEGRAM_TOKEN=SIMULATED_TOKEN,
                OPENROUTER_API_KEY=SIMULATED_KEY,
            ),
            is_ready=listens(reached_at(plan.settings.simulator_bind_host), port),
            stop_seconds=10,
        )
    ]


def services(plan: Plan) -> list[Program]:
    """Bot, API and Dagster."""
    settings = plan.settings
    return [
        Program(
            name="bot",
            title="Bot",
            command=python_command("bot"),
            environment=bot_environment(
                plan,
                BOT_PORT=str(settings.bot_port),
                **(simulated_addresses(plan) if plan.simulated else {}),
            ),
            is_ready=answers(f"{plan.bot_url}/ready"),
        ),
        Program(
            name="dagster-code",
            title="Dagster code server",
            command=python_command("pipelines", "code-server"),
            environment=pipelines_environment(plan),
            is_ready=listens(
                reached_at(settings.dagster_code_bind_host), settings.dagster_code_port
            ),
            # It waits for its runs, which stop only when they get the signal too.
            stops_as_group=True,
        ),
        Program(
            name="dagster-daemon",
            title="Dagster daemon",
            command=python_command("pipelines", "daemon"),
            environment=pipelines_environment(plan),
            is_ready=_at_once,
        ),
        Program(
            name="dagster-webserver",
            title="Dagster UI",
            command=python_command("pipelines", "webserver"),
            environment=pipelines_environment(plan),
            is_ready=answers(f"{plan.dagster_url}/server_info"),
        ),
        Program(
            name="api",
            title="Stats API and web page",
            command=python_command("api"),
            environment=plan.environment(
                "DATA_KEY_SECOND",
                "METRICS_TOKEN",
                "API_TOKEN_SECRET_PREVIOUS",
                "REDIS_PASSWORD",
                DATABASE_URL=plan.database_url(roles.API),
                CLICKHOUSE_READER_URL=plan.clickhouse_url("reader"),
                CLICKHOUSE_URL=plan.clickhouse_url("reader"),
                DATA_KEY=plan.secret("data_key"),
                ADMIN_REGISTRATION_TOKEN=plan.secret("admin_registration_token"),
                API_TOKEN_SECRET=plan.secret("api_token_secret"),
                STATS_API_KEY=plan.stats_api_key,
                API_PORT=str(settings.api_port),
                DAGSTER_URL=settings.dagster_url or plan.dagster_url,
            ),
            is_ready=answers(f"{plan.api_url}/ready"),
        ),
    ]


def traffic(plan: Plan, *, skip: int, per_second: float) -> Program:
    """Live messages for the demo: from the data file after the first `skip`, then generated ones.

    A second demo continues where the first one stopped.
    """
    return Program(
        name="traffic",
        title="live traffic",
        command=plan.replay_command(
            "--endless",
            *("--skip", str(skip if plan.data_file else 0)),
            *("--rate", str(per_second)),
            *("--position", str(plan.data / "traffic.json")),
        ),
        environment=plan.replay_environment(),
        is_ready=_at_once,
        stop_seconds=5,
    )


def _at_once() -> bool:
    return True
