"""Settings of the one-machine stack itself. Each service reads its own settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from common.settings import Section, ServiceKeySettings
from embedded.stack.keys import KeyRing

MIN_PASSPHRASE_LENGTH = 12


class StackSettings(ServiceKeySettings):
    """Where the stack keeps its files and which ports it takes."""

    data_dir: Path = Path(".data")
    keys_dir: Path | None = None
    """Generated secrets. Default: beside DATA_DIR, as `<DATA_DIR>.keys`; never inside it."""
    bind_host: str = "127.0.0.1"
    bot_port: int = Field(default=8080, ge=1, le=65535)
    api_port: int = Field(default=8000, ge=1, le=65535)
    dagster_port: int = Field(default=3000, ge=1, le=65535)
    dagster_bind_host: str = "127.0.0.1"
    dagster_url: str | None = None
    dagster_code_port: int = Field(default=3030, ge=1, le=65535)
    dagster_code_bind_host: str = "127.0.0.1"
    pipelines_metrics_port: int = Field(default=9109, ge=0, le=65535)
    pipelines_metrics_bind_host: str = "127.0.0.1"
    clickhouse_port: int = Field(default=8123, ge=1, le=65535)
    clickhouse_bind_host: str = "127.0.0.1"
    simulator_port: int = Field(default=8081, ge=1, le=65535)
    simulator_bind_host: str = "127.0.0.1"
    """Address of the simulators. Anyone who reaches it controls them, without a login."""

    database_url: SecretStr | None = None
    """Set: this PostgreSQL is used and the embedded one is not started."""
    dagster_database_url: SecretStr | None = None
    """Needed with DATABASE_URL: where Dagster keeps its runs."""
    clickhouse_url: SecretStr | None = None
    """Set: this ClickHouse is used and the embedded one is not started."""
    clickhouse_reader_url: SecretStr | None = None
    clickhouse_writer_password: SecretStr | None = None
    clickhouse_reader_password: SecretStr | None = None
    dagster_home: Path | None = None

    telegram_token: SecretStr | None = None
    openrouter_api_key: SecretStr | None = None
    admin_registration_token: SecretStr | None = None
    api_token_secret: SecretStr | None = None
    data_key: SecretStr | None = None
    backup_passphrase: SecretStr | None = None
    """Set: `make backup` encrypts, `make restore` decrypts. Keep it apart from the backups."""

    @field_validator("backup_passphrase")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(value.get_secret_value()) < MIN_PASSPHRASE_LENGTH:
            raise ValueError(f"has fewer than {MIN_PASSPHRASE_LENGTH} characters")
        return value

    @property
    def keys(self) -> Path:
        data = self.data_dir.absolute()
        return self.keys_dir or data.parent / f"{data.name}.keys"

    def key_ring(self) -> KeyRing:
        """The generated secrets.

        Raises:
            SettingError: their directory cannot be used, naming the setting that it comes from.
        """
        return KeyRing(self.keys, setting="KEYS_DIR" if self.keys_dir else "DATA_DIR")


class DemoSettings(Section):
    """Defaults of the demo; the environment and `.env` override them."""

    stats_api_rate_limit: str = "300/minute"
    llm_model: str = "openai/gpt-4o-mini"
    llm_fallback_model: str = "meta-llama/llama-3.3-70b-instruct"

    def as_environment(self) -> dict[str, str]:
        """The settings as variables of the environment."""
        return {name.upper(): value for name, value in self.model_dump().items()}
