"""The plan of a stack, made before anything starts: addresses, secrets, environments.

A program gets the secrets it needs and no others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from common.errors import SettingError
from common.http.listening import reached_at, url_of
from common.settings import API_KEY_PREFIX
from embedded import roles
from embedded.postgres import SUPERUSER, EmbeddedPostgres
from embedded.stack.keys import KeyRing
from embedded.stack.settings import StackSettings

PROJECT = Path(__file__).resolve().parents[2]
# An isolated stack (smoke, chaos, benchmarks) inherits these and no settings.
MACHINE_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "VIRTUAL_ENV")
SECRETS = frozenset(
    {
        "ADMIN_REGISTRATION_TOKEN",
        "API_TOKEN_SECRET",
        "API_TOKEN_SECRET_PREVIOUS",
        "BACKUP_PASSPHRASE",
        "CLICKHOUSE_READER_PASSWORD",
        "CLICKHOUSE_READER_URL",
        "CLICKHOUSE_URL",
        "CLICKHOUSE_WRITER_PASSWORD",
        "DAGSTER_DATABASE_URL",
        "DATABASE_URL",
        "DATA_KEY",
        "DATA_KEY_SECOND",
        "METRICS_TOKEN",
        "OPENROUTER_API_KEY",
        "REDIS_PASSWORD",
        "STATS_API_KEY",
        "TELEGRAM_TOKEN",
        "TELEGRAM_WEBHOOK_SECRET",
        "TRANSCRIPTION_API_KEY",
    }
)
"""Settings of the caller that only the programs that use them inherit."""
SIMULATED_TOKEN = "4242424242:simulated-bot-token-for-demo-00001"  # noqa: S105 # opens nothing
SIMULATED_KEY = "simulated-openrouter-key"
SIMULATED_TRANSCRIPTION = "simulated/whisper"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Addresses, secrets and environments of one stack."""

    settings: StackSettings
    keys: KeyRing
    simulated: bool
    isolated: bool = False
    """True: ignore the caller's environment and .env."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """More settings for every program."""
    data_file: Path | None = None
    """Gzip JSON lines for the simulated traffic; None: generated traffic."""

    @property
    def data(self) -> Path:
        return self.settings.data_dir.resolve()

    @property
    def postgres(self) -> EmbeddedPostgres | None:
        """The embedded server; None when DATABASE_URL names another."""
        return None if self.settings.database_url else EmbeddedPostgres(self.data / "postgres")

    @property
    def has_embedded_clickhouse(self) -> bool:
        return self.settings.clickhouse_url is None

    @property
    def api_url(self) -> str:
        return url_of(self.settings.bind_host, self.settings.api_port)

    @property
    def bot_url(self) -> str:
        return url_of(self.settings.bind_host, self.settings.bot_port)

    @property
    def clickhouse_address(self) -> str:
        """Base URL of the embedded engine."""
        return url_of(self.settings.clickhouse_bind_host, self.settings.clickhouse_port)

    @property
    def simulator_url(self) -> str:
        return url_of(self.settings.simulator_bind_host, self.settings.simulator_port)

    @property
    def dagster_url(self) -> str:
        return url_of(self.settings.dagster_bind_host, self.settings.dagster_port)

    def database_url(self, role: str = SUPERUSER) -> str:
        """The product's database as `role`; a server of its own has one URL for everybody."""
        if self.settings.database_url:
            return self.settings.database_url.get_secret_value()
        return EmbeddedPostgres(self.data / "postgres").url("dialytics", role=role)

    def dagster_database_url(self) -> str:
        if self.settings.dagster_database_url:
            return self.settings.dagster_database_url.get_secret_value()
        if self.settings.database_url:
            raise SettingError(
                "DAGSTER_DATABASE_URL", "is not set; DATABASE_URL is, so Dagster needs its own too"
            )
        return EmbeddedPostgres(self.data / "postgres").url("dagster", role=roles.DAGSTER)

    def clickhouse_url(self, user: str) -> str:
        """`user`: `writer` or `reader`."""
        settings = self.settings
        if settings.clickhouse_url:
            reader = settings.clickhouse_reader_url or settings.clickhouse_url
            return (settings.clickhouse_url if user == "writer" else reader).get_secret_value()
        password = quote(self.secret(f"clickhouse_{user}_password"), safe="")
        return f"{self.clickhouse_address.replace('://', f'://{user}:{password}@')}/dialytics"

    def secret(self, name: str) -> str:
        """A secret from the settings, else the generated one of the same name."""
        given = getattr(self.settings, name)
        return given.get_secret_value() if given else self.keys.secret(name)

    @property
    def stats_api_key(self) -> str:
        """The key with which the bot asks the stats API."""
        if given := self.settings.stats_api_key:
            return given.get_secret_value()
        return f"{API_KEY_PREFIX}{self.keys.secret('stats_api_key')}"

    def environment(self, *secrets: str, **more: str) -> dict[str, str]:
        """The variables of every program, plus `more` and the caller's `secrets`."""
        if self.isolated:
            base = {name: os.environ[name] for name in MACHINE_VARIABLES if name in os.environ}
            base["ENV_FILE"] = os.devnull
        else:
            withheld = SECRETS.difference(secrets)
            base = {
                name: value
                for name, value in os.environ.items()
                if name.removesuffix("_FILE") not in withheld
            }
        return {
            **base,
            "PYTHONPATH": str(PROJECT),
            "PYTHONTZPATH": "",
            "PYTHONUNBUFFERED": "1",
            "DATA_DIR": str(self.data),
            "BIND_HOST": self.settings.bind_host,
            **self.extra,
            **more,
        }

    def history_environment(self) -> dict[str, str]:
        """For the loader of past dialogs, which writes and analyses the bot's tables."""
        return self.environment(
            DATABASE_URL=self.database_url(roles.OWNER), DATA_KEY=self.secret("data_key")
        )

    def replay_command(self, *arguments: str) -> list[str]:
        """The program that plays people who write to the simulated bot."""
        source = ("--data", str(self.data_file)) if self.data_file else ()
        return python_command("simulator.demo.replay", *source, *arguments)

    def replay_environment(self) -> dict[str, str]:
        return self.environment(**simulated_addresses(self))

    def listeners(self) -> dict[str, tuple[str, int]]:
        """Setting of the port -> address and port, of every program that will listen."""
        settings = self.settings
        listeners = {
            "BOT_PORT": (settings.bind_host, settings.bot_port),
            "API_PORT": (settings.bind_host, settings.api_port),
            "DAGSTER_PORT": (settings.dagster_bind_host, settings.dagster_port),
            "DAGSTER_CODE_PORT": (settings.dagster_code_bind_host, settings.dagster_code_port),
        }
        if settings.pipelines_metrics_port:
            listeners["PIPELINES_METRICS_PORT"] = (
                settings.pipelines_metrics_bind_host,
                settings.pipelines_metrics_port,
            )
        if self.has_embedded_clickhouse:
            listeners["CLICKHOUSE_PORT"] = (settings.clickhouse_bind_host, settings.clickhouse_port)
        if self.simulated:
            listeners["SIMULATOR_PORT"] = (settings.simulator_bind_host, settings.simulator_port)
        return listeners


def python_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def migration_environment(plan: Plan) -> dict[str, str]:
    return plan.environment(
        DATABASE_URL=plan.database_url(roles.OWNER), CLICKHOUSE_URL=plan.clickhouse_url("writer")
    )


def simulated_addresses(plan: Plan) -> dict[str, str]:
    """The settings that point the bot at the simulators, whatever else is set."""
    return {
        "TELEGRAM_TOKEN": SIMULATED_TOKEN,
        "TELEGRAM_API_URL": plan.simulator_url,
        "OPENROUTER_API_KEY": SIMULATED_KEY,
        "OPENROUTER_BASE_URL": f"{plan.simulator_url}/v1",
        "TRANSCRIPTION_MODEL": SIMULATED_TRANSCRIPTION,
        "TRANSCRIPTION_BASE_URL": f"{plan.simulator_url}/v1",
        "TRANSCRIPTION_API_KEY": SIMULATED_KEY,
    }


def bot_environment(plan: Plan, **more: str) -> dict[str, str]:
    """For the bot and its commands."""
    return plan.environment(
        "DATA_KEY_SECOND",
        "METRICS_TOKEN",
        "OPENROUTER_API_KEY",
        "TELEGRAM_TOKEN",
        "TELEGRAM_WEBHOOK_SECRET",
        "TRANSCRIPTION_API_KEY",
        DATABASE_URL=plan.database_url(roles.BOT),
        DATA_KEY=plan.secret("data_key"),
        STATS_API_URL=plan.api_url,
        STATS_API_KEY=plan.stats_api_key,
        **more,
    )


def command_environment(plan: Plan, module: str) -> dict[str, str]:
    """For `python -m module`: what its package may do, and no more."""
    match module.partition(".")[0]:
        case "bot":
            return bot_environment(plan)
        case "api":
            return plan.environment(DATABASE_URL=plan.database_url(roles.API))
        case "migrations":
            return migration_environment(plan)
    return pipelines_environment(plan)


def pipelines_environment(plan: Plan) -> dict[str, str]:
    """For everything that reads PostgreSQL and writes ClickHouse."""
    return plan.environment(
        "METRICS_TOKEN",
        DATABASE_URL=plan.database_url(roles.PIPELINES),
        CLICKHOUSE_URL=plan.clickhouse_url("writer"),
        DAGSTER_DATABASE_URL=plan.dagster_database_url(),
        DAGSTER_HOME=str((plan.settings.dagster_home or plan.data / "dagster").resolve()),
        DAGSTER_PORT=str(plan.settings.dagster_port),
        DAGSTER_BIND_HOST=plan.settings.dagster_bind_host,
        DAGSTER_API_URL=plan.api_url,
        DAGSTER_CODE_PORT=str(plan.settings.dagster_code_port),
        DAGSTER_CODE_BIND_HOST=plan.settings.dagster_code_bind_host,
        DAGSTER_CODE_HOST=reached_at(plan.settings.dagster_code_bind_host),
        PIPELINES_METRICS_PORT=str(plan.settings.pipelines_metrics_port),
        PIPELINES_METRICS_BIND_HOST=plan.settings.pipelines_metrics_bind_host,
    )
