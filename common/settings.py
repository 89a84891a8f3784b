"""Settings, loaded by section in a process's `__main__` and passed down as values.

A setting is an environment variable with its name in upper case. It may also be set in `.env` (or
in ENV_FILE), and a secret in the file that `<NAME>_FILE` names or in `SECRETS_DIR/<name>`. The
environment takes precedence over files.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar, get_type_hints
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from common.errors import SettingError
from common.postgres_url import PostgresUrl
from common.zones import zone_named

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def _of_postgresql(url: SecretStr) -> SecretStr:
    PostgresUrl.parse(url.get_secret_value())
    return url


PostgresSecret = Annotated[SecretStr, AfterValidator(_of_postgresql)]
"""A URL of PostgreSQL."""
# Published examples of secrets, refused in every environment.
PLACEHOLDERS = frozenset({"change-me", "changeme", "secret", "password", "admin"})
MIN_SECRET_BYTES = 32


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads `<NAME>_FILE`, the convention of container images for mounted secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        name = field_name.upper()
        path = os.environ.get(f"{name}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{name}_FILE", f"cannot read {path}: {error}") from error

    def __call__(self) -> dict[str, Any]:
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value}


class _SecretsDirectory(SecretsSettingsSource):
    """Reads `SECRETS_DIR/<name>`. An empty file counts as unset, like an empty variable."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if value != ""}


class Section(BaseSettings):
    """A group of settings."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,  # for docs/settings.md
    )

    @field_validator("*")
    @classmethod
    def _is_no_placeholder(cls, value: Any) -> Any:
        if isinstance(value, SecretStr) and _is_placeholder(value.get_secret_value()):
            raise ValueError("is a placeholder: set a random value")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # Evaluated when a section is loaded, not when this module is imported.
        del dotenv_settings, file_secret_settings
        return (
            init_settings,
            env_settings,
            _SecretFiles(settings_cls),
            _SecretsDirectory(settings_cls, secrets_dir=os.environ.get("SECRETS_DIR")),
            DotEnvSettingsSource(
                settings_cls,
                env_file=os.environ.get("ENV_FILE", ".env"),
                env_file_encoding="utf-8",
            ),
        )


SectionT = TypeVar("SectionT", bound=Section)
GroupT = TypeVar("GroupT", bound="DataclassInstance")


def load(section: type[SectionT]) -> SectionT:
    """Read one section.

    Raises:
        SettingError: names the first missing or invalid setting, never its value.
    """
    for name in section.model_fields:
        if re.search("[\ud800-\udfff]", os.environ.get(name.upper(), "")):
            raise SettingError(name.upper(), "is not UTF-8 text")
    try:
        return section()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = "is not set" if first["type"] == "missing" else first["msg"]
        problem = problem.removeprefix("Value error, ")
        if first["loc"]:
            raise SettingError(str(first["loc"][0]).upper(), problem) from error
        # A check of a whole section names the setting itself.
        name, _, problem = problem.partition(" ")
        raise SettingError(name.rstrip(":"), problem) from error
    except SettingsError as error:
        # The message contains the field, not the value.
        found = re.search('field "([a-z0-9_]+)"', str(error))
        name = found[1].upper() if found else section.__name__
        raise SettingError(name, "is not valid JSON") from error
    except UnicodeDecodeError as error:
        raise SettingError(".env", "is not UTF-8 text") from error


def load_sections(group: type[GroupT]) -> GroupT:
    """Load every section of a dataclass whose fields are sections, in their order.

    Raises:
        SettingError: as in `load`.
    """
    types = get_type_hints(group)
    return group(**{field.name: load(types[field.name]) for field in fields(group)})


class RuntimeSettings(Section):
    """Environment and logging."""

    environment: Environment = Environment.DEVELOPMENT
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_format: str = Field(default="auto", pattern="^(auto|json|console)$")
    """`auto`: coloured lines in a terminal, JSON elsewhere and in production."""


class MetricsSettings(Section):
    """Access to /metrics."""

    metrics_token: SecretStr | None = None
    """Bearer token for /metrics; without it only this machine may read them."""
    environment: Environment = Environment.DEVELOPMENT

    @model_validator(mode="after")
    def _metrics_token_is_real(self) -> Self:
        if self.metrics_token is not None:
            refuse_weak_secret(self.environment, "METRICS_TOKEN", self.metrics_token)
        return self


class DatabaseSettings(Section):
    """PostgreSQL: address, connection pool, timeouts."""

    database_url: PostgresSecret
    db_pool_size: int = Field(default=20, ge=1, le=200)
    db_max_overflow: int = Field(default=30, ge=0, le=200)
    db_pool_recycle_seconds: int = Field(default=3600, ge=60)
    db_pool_timeout_seconds: float = Field(default=10.0, gt=0)
    db_statement_timeout_seconds: float = Field(default=30.0, gt=0)

    @property
    def asyncpg_url(self) -> str:
        """The URL for asyncpg."""
        return PostgresUrl.parse(self.database_url.get_secret_value()).asyncpg

    @property
    def libpq_url(self) -> str:
        """The URL for libpq drivers (ADBC, psycopg, pg_dump)."""
        return PostgresUrl.parse(self.database_url.get_secret_value()).libpq


class ReportSettings(Section):
    """The default time zone of reports."""

    report_timezone: str = "UTC"

    @field_validator("report_timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        return zone_named(value).key


API_KEY_PREFIX = "dly_"


class ServiceKeySettings(Section):
    """The key with which the bot asks the stats API."""

    stats_api_key: SecretStr | None = None
    """Key of the bot for the stats API: `dly_` and at least 32 random letters, digits, _ or -. The
    API accepts it from its start on, the bot's /admin uses it."""

    @field_validator("stats_api_key")
    @classmethod
    def _is_api_key(cls, value: SecretStr | None) -> SecretStr | None:
        pattern = f"{API_KEY_PREFIX}[A-Za-z0-9_-]{{{MIN_SECRET_BYTES},128}}"
        if value is not None and not re.fullmatch(pattern, value.get_secret_value()):
            raise ValueError(
                f"needs {API_KEY_PREFIX} and at least {MIN_SECRET_BYTES} random letters, digits,"
                " _ or -"
            )
        return value


class ConsentSettings(Section):
    """Defaults of the choice in /privacy."""

    texts_readable: bool = True
    """Whether API accounts with `texts:read` may read the texts of a person who has not chosen in
    /privacy. /privacy tells people."""
    texts_readable_of_earlier_people: bool = True
    """The same for people who first wrote before the bot offered this choice."""


class DataKeySettings(Section):
    """The key that wraps every user's key. Keep it outside the data directory."""

    data_key: SecretStr
    data_key_second: SecretStr | None = None
    """The other DATA_KEY during a key rotation; used for opening only."""
    environment: Environment = Environment.DEVELOPMENT

    @model_validator(mode="after")
    def _is_a_real_secret(self) -> Self:
        refuse_weak_secret(self.environment, "DATA_KEY", self.data_key)
        if self.data_key_second:
            refuse_weak_secret(self.environment, "DATA_KEY_SECOND", self.data_key_second)
        return self

    @property
    def second(self) -> str | None:
        """The second key, if any."""
        return self.data_key_second.get_secret_value() if self.data_key_second else None


def _is_placeholder(secret: str) -> bool:
    """Whether a secret, or the password in a URL, is a placeholder."""
    candidates = [secret]
    if "://" in secret:
        # An invalid URL is reported by the setting's own validator.
        with suppress(ValueError):
            address = urlsplit(secret)
            candidates.append(unquote(address.password or ""))
            candidates += parse_qs(address.query).get("password", [])
    return any(candidate.strip().lower() in PLACEHOLDERS for candidate in candidates)


def refuse_weak_secret(environment: Environment, name: str, secret: SecretStr | None) -> None:
    """Refuse a missing or short secret outside development.

    Raises:
        ValueError: the secret is missing or shorter than 32 bytes.
    """
    if environment is Environment.DEVELOPMENT:
        return
    value = secret.get_secret_value() if secret else ""
    if len(value.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"{name} needs a random value of at least {MIN_SECRET_BYTES} bytes")
